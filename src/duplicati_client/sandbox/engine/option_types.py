"""The types and choices of the engine's options, as a server lists them (2.0.8.1 reading-the-server:59)."""

from __future__ import annotations

_NAMES = {
    "Boolean": """
        auto-cleanup unittest-mode skip-file-hash-checks dont-read-manifests all-versions list-prefix-only list-
        folder-contents list-sets-only disable-autocreate-folder allow-missing-source disable-filetime-check check-
        filetime-only disable-time-tolerance no-encryption retry-with-exponential-backoff synchronous-upload
        disable-streaming-transfers upload-unchanged-backups vss-use-mapping debug-output debug-retry-errors
        profile-all-database-queries list-verify-uploads allow-sleep use-background-io-priority no-connection-reuse
        verbose full-result overwrite skip-metadata restore-permissions skip-restore-verification disable-filepath-
        cache use-block-cache disable-synthetic-filelist no-backend-verification dry-run no-auto-compact patch-with-
        local-blocks no-local-db dont-compress-restore-paths upload-verification-file allow-passphrase-change no-
        local-blocks full-block-verification allow-full-removal repair-only-paths repair-force-block-use force-
        actual-date disable-piped-streaming auto-vacuum disable-file-scanner disable-filelist-consistency-checks
        disable-on-battery exclude-empty-folders restore-symlink-metadata rebuild-missing-dblock-files
    """,
    "Enumeration": """
        thread-priority snapshot-policy usn-policy log-file-log-level console-log-level log-level symlink-policy
        hardlink-policy index-file-policy full-remote-verification block-hash-algorithm file-hash-algorithm
    """,
    "Integer": """
        number-of-retries asynchronous-upload-limit asynchronous-concurrent-upload-limit quota-warning-threshold
        threshold backup-test-samples backup-test-percentage small-file-max-count keep-versions concurrency-max-
        threads concurrency-block-hashers concurrency-compressors
    """,
    "Path": """
        control-files tempdir asynchronous-upload-folder log-file compression-extension-file dbpath changed-files
        deleted-files ignore-filenames
    """,
    "Size": """
        dblock-size throttle-upload throttle-download skip-files-larger-than quota-size blocksize file-read-buffer-
        size small-file-size
    """,
    "String": """
        restore-path version prefix vss-exclude-writers encryption-module compression-module enable-module disable-
        module log-file-log-filter console-log-filter exclude-files-attributes backup-name backup-id machine-id
        retention-policy force-locale
    """,
    "Timespan": """
        time retry-delay keep-time log-retention auto-compact-interval auto-vacuum-interval
    """,
}
TYPES = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_LEVELS = ("ExplicitOnly", "Profiling", "Verbose", "Retry", "Information", "DryRun", "Warning", "Error")
CHOICES: dict[str, tuple[str, ...]] = {
    "thread-priority": ("highest", "high", "abovenormal", "normal", "belownormal", "low", "lowest", "idle"),
    "snapshot-policy": ("Auto", "On", "Off", "Required"),
    "usn-policy": ("Auto", "On", "Off", "Required"),
    "log-file-log-level": _LEVELS,
    "console-log-level": _LEVELS,
    "log-level": _LEVELS,
    "symlink-policy": ("Store", "Follow", "Ignore"),
    "hardlink-policy": ("First", "All", "None"),
    "index-file-policy": ("None", "Lookup", "Full"),
    "full-remote-verification": ("True", "False", "ListAndIndexes"),
    "block-hash-algorithm": ("SHA1", "MD5", "SHA256", "SHA384", "SHA512"),
    "file-hash-algorithm": ("SHA1", "MD5", "SHA256", "SHA384", "SHA512"),
}
