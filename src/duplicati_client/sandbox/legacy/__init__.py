"""The face of 2.0: cookies, forms, captchas."""
