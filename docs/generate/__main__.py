"""Write the generated blocks of all pages anew: python -m docs.generate, or make reference."""

from __future__ import annotations

from docs.generate.pages import DOCS, generated_pages, renew


def main() -> None:
    """Print each page that changed."""
    for page in generated_pages():
        before = page.read_text(encoding="utf-8")
        after = renew(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"renewed {page.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
