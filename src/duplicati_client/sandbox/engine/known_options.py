"""The names of options that the imitated engine knows; it warns of every other one."""

from __future__ import annotations

_ENGINE = """
accept-any-ssl-certificate accept-specified-ssl-hash all-versions allow-full-removal allow-missing-source
allow-passphrase-change allow-sleep asynchronous-concurrent-upload-limit asynchronous-upload-folder
asynchronous-upload-limit auto-cleanup auto-compact-interval auto-update auto-vacuum auto-vacuum-interval
backup-id backup-name backup-test-percentage backup-test-samples block-hash-algorithm blocksize changed-files
check-filetime-only compression-extension-file compression-level compression-module concurrency-block-hashers
concurrency-compressors concurrency-fileprocessors concurrency-max-threads console-log-filter
console-log-level control-files cpu-intensity dblock-size dbpath debug-output debug-propagate-exceptions
default-filters deleted-files disable-autocreate-folder disable-file-scanner
disable-filelist-consistency-checks disable-filepath-cache disable-module disable-on-battery
disable-piped-streaming disable-replace-missing-metadata disable-restore-permissions
disable-streaming-transfers disable-synthetic-filelist disable-time-tolerance disable-update
dont-compress-restore-paths dont-read-manifests dry-run enable-module encryption-module exclude
exclude-empty-folders exclude-files-attributes file-hash-algorithm file-read-buffer-size force-actual-date
force-locale full-block-verification full-remote-verification full-result gpg-encryption-command
hardlink-policy http-enable-buffering http-operation-timeout http-readwrite-timeout ignore-filenames
ignore-update-if-version-exists include index-file-policy keep-time keep-versions list-folder-contents
list-prefix-only list-sets-only list-verify-uploads locking log-file log-file-log-filter log-file-log-level
log-http-requests log-level log-retention log-socket-data machine-id machine-name metadata-hash-algorithm
next-scheduled-run no-auto-compact no-backend-verification no-connection-reuse no-encryption no-local-blocks
no-local-db number-of-retries oauth-url old-memory-lookup-defaults overwrite passphrase
patch-with-local-blocks ping-pong-keepalive prefix profile-all-database-queries quick-test quota-disable
quota-size quota-warning-threshold read-write-timeout rebuild-missing-dblock-files reduced-purge-statistics
repair-force-block-use repair-only-paths repair-refresh-lock-info replace-symbolic-links restore-cache-max
restore-channel-buffer-size restore-file-processors restore-legacy restore-path restore-permissions
restore-preallocate-size restore-symlink-metadata restore-volume-cache-hint restore-volume-decompressors
restore-volume-decryptors restore-volume-downloaders restore-with-local-blocks retention-policy retry-delay
retry-with-exponential-backoff run-script-after run-script-before run-script-before-required
run-script-log-level run-script-result-output-format run-script-timeout run-script-with-arguments
secret-provider secret-provider-cache secret-provider-pattern send-http-any-operation send-http-level
send-http-log-filter send-http-log-level send-http-message send-http-result-output-format send-http-url
send-http-verb send-mail-any-operation send-mail-body send-mail-from send-mail-level send-mail-log-filter
send-mail-log-level send-mail-password send-mail-result-output-format send-mail-subject send-mail-to
send-mail-url send-mail-username send-telegram-bot-id send-telegram-channel-id send-xmpp-any-operation
send-xmpp-level send-xmpp-message send-xmpp-password send-xmpp-to send-xmpp-username skip-file-hash-checks
skip-files-larger-than skip-metadata skip-restore-verification small-file-max-count small-file-size
snapshot-policy soft-delete-prefix sqlite-page-cache store-metadata store-task-config suppress-warnings
symlink-policy synchronous-upload tempdir test-filters thread-priority throttle-disabled throttle-download
throttle-upload time unencrypted-metadata unittest-mode upload-unchanged-backups upload-verification-file
use-background-io-priority use-block-cache use-move-for-put usn-policy vacuum verbose version
volume-compression-module vss-exclude-writers vss-use-mapping zip-compression-level zip-compression-library
zip-compression-method zip-compression-zip64
"""
_SANDBOX = "sandbox-run sandbox-seconds sandbox-stop"
_DESTINATIONS = ("auth-", "aws-", "azure-", "b2-", "dropbox-", "ftp-", "gcs-", "google", "integrated-", "onedrive-")
_MORE_DESTINATIONS = ("openstack-", "rclone-", "s3-", "sia-", "ssh-", "storj-", "tahoe-", "use-ssl", "webdav-", "aes-")
KNOWN = frozenset(_ENGINE.split()) | frozenset(_SANDBOX.split())


def unknown(names: list[str]) -> list[str]:
    """Return the names, without dashes, that the engine would warn of; destinations have options of their own."""
    return [name for name in names if name not in KNOWN and not name.startswith(_DESTINATIONS + _MORE_DESTINATIONS)]
