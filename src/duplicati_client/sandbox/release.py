"""What differs between the Duplicati releases that the sandbox imitates, in one table; nothing else compares them."""

from __future__ import annotations

from typing import NamedTuple


class Release(NamedTuple):
    """The features and the lies of one server release, each as seen in the recordings."""

    version: str
    dated_name: str
    channel: str
    is_legacy: bool = False
    has_v2: bool = True
    has_refresh_nonce: bool = True
    has_auth_status: bool = True
    has_subscriptions: bool = True
    has_help_ids: bool = True
    has_task_times: bool = True
    has_single_stop: bool = True
    has_skip_queue: bool = True
    has_pause_of_transfers: bool = True
    has_active_transfers: bool = True
    has_sync_progress: bool = True
    has_time_estimate: bool = False
    has_starting_phase: bool = True
    has_db_path_exists: bool = True
    has_connection_strings: bool = True
    has_operation_type: bool = False
    has_import_overrides: bool = True
    has_destination_list: bool = False
    lists_empty_sources: bool = True
    masks_secrets: bool = True
    placeholder_length: int = 15
    refuses_placeholder_settings: bool = True
    wipes_metadata_on_put: bool = False
    doubles_allowed_days: bool = False
    uses_property_names: bool = False
    accepts_unknown_settings: bool = False
    keeps_pause: bool = True
    calls_failed_tasks_completed: bool = False
    drops_row_of_aborted: bool = False
    keeps_row_of_unusable_destination: bool = False
    keeps_row_of_called_off: bool = False
    keeps_row_of_dry_run: bool = False
    survives_missing_source: bool = False
    fails_restore_of_nothing: bool = False
    completes_with_damaged_volume: bool = False
    locks_database_in_run: bool = False
    fails_listing_in_run: bool = False
    refuses_delete_in_run: bool = True
    warns_after_kill: bool = False
    clears_notifications: bool = True
    listings_write_rows: bool = True
    logs_downloads: bool = False
    minor_operations_write_rows: bool = True
    uploads_in_parallel: bool = False
    warns_of_folder_creation: bool = False
    orders_backups: bool = True
    counts_first_try: bool = False
    finishes_aborted_upload: bool = False
    warns_of_unencrypted_database: bool = True
    has_lock_results: bool = True
    has_timestamp_count: bool = True
    restore_reports_more: bool = True
    size_units: tuple[str, ...] = ("bytes", "KiB", "MiB", "GiB", "TiB")
    has_filesets_count: bool = True
    api_extensions: tuple[str, ...] | None = None

    @property
    def placeholder(self) -> str:
        """Return what stands for a hidden value."""
        return "*" * self.placeholder_length

    @property
    def engine_name(self) -> str:
        """Return the `Version` member of result rows."""
        return f"{self.version} ({self.dated_name})"


_EXTENSIONS_2_2 = (
    "v2:backup:list-filesets",
    "v2:backup:list-folder",
    "v2:backup:list-versions",
    "v2:backup:search",
    "v2:destination:test",
    "v1:websocket",
    "v1:gettask:taskstarted",
    "v1:gettask:taskfinished",
    "v1:websocket:authenticate",
    "v1:subscribe:legacystatus",
    "v1:subscribe:backuplist",
    "v1:subscribe:serversettings",
    "v1:subscribe:progress",
    "v1:subscribe:taskqueue",
    "v1:subscribe:taskcompleted",
    "v1:subscribe:notifications",
)
_EXTENSIONS_2_3 = (
    *_EXTENSIONS_2_2,
    "v1:subscribe:remotecontrol",
    "v2:system:temp-disk-space",
    "v2:filesystem:test-filter",
)
_EXTENSIONS_2_3_1 = (
    *_EXTENSIONS_2_3,
    "v2:destination:list",
    "v1:backup:restorecontrolfiles",
    "v1:backup:sync-mode",
    "v2:backup:list-broken-files",
    "v2:backup:purge-broken-files",
    "v2:backup:delete-versions",
)

V2_3_1 = Release(
    version="2.3.1.0",
    dated_name="2.3.1.0_beta_2026-07-28",
    channel="Beta",
    has_time_estimate=True,
    has_operation_type=True,
    has_destination_list=True,
    accepts_unknown_settings=True,
    survives_missing_source=True,
    fails_restore_of_nothing=True,
    locks_database_in_run=True,
    api_extensions=_EXTENSIONS_2_3_1,
)
V2_3_0 = Release(
    version="2.3.0.4",
    dated_name="2.3.0.4_stable_2026-07-09",
    channel="Stable",
    api_extensions=_EXTENSIONS_2_3,
)
V2_2 = Release(
    version="2.2.0.3",
    dated_name="2.2.0.3_stable_2026-01-06",
    channel="Stable",
    has_sync_progress=False,
    has_connection_strings=False,
    has_import_overrides=False,
    lists_empty_sources=False,
    masks_secrets=False,
    placeholder_length=10,
    refuses_placeholder_settings=False,
    uses_property_names=True,
    doubles_allowed_days=True,
    keeps_row_of_unusable_destination=True,
    logs_downloads=True,
    uploads_in_parallel=True,
    warns_of_folder_creation=True,
    has_lock_results=False,
    restore_reports_more=False,
    api_extensions=_EXTENSIONS_2_2,
)
V2_1 = Release(
    version="2.1.0.5",
    dated_name="2.1.0.5_stable_2025-03-04",
    channel="Stable",
    has_v2=False,
    has_refresh_nonce=False,
    has_auth_status=False,
    has_subscriptions=False,
    has_help_ids=False,
    has_task_times=False,
    has_single_stop=False,
    has_skip_queue=False,
    has_pause_of_transfers=False,
    has_active_transfers=False,
    has_sync_progress=False,
    has_starting_phase=False,
    has_db_path_exists=False,
    has_connection_strings=False,
    has_import_overrides=False,
    lists_empty_sources=False,
    masks_secrets=False,
    placeholder_length=10,
    refuses_placeholder_settings=False,
    wipes_metadata_on_put=True,
    doubles_allowed_days=True,
    uses_property_names=True,
    keeps_pause=False,
    calls_failed_tasks_completed=True,
    drops_row_of_aborted=True,
    keeps_row_of_unusable_destination=True,
    keeps_row_of_called_off=True,
    keeps_row_of_dry_run=True,
    completes_with_damaged_volume=True,
    fails_listing_in_run=True,
    refuses_delete_in_run=False,
    warns_after_kill=True,
    logs_downloads=True,
    minor_operations_write_rows=False,
    uploads_in_parallel=True,
    warns_of_folder_creation=True,
    orders_backups=False,
    counts_first_try=True,
    clears_notifications=False,
    listings_write_rows=False,
    warns_of_unencrypted_database=False,
    has_lock_results=False,
    has_timestamp_count=False,
    restore_reports_more=False,
    size_units=("bytes", "KB", "MB", "GB", "TB"),
    has_filesets_count=False,
)
V2_0_8 = V2_1._replace(
    version="2.0.8.1",
    dated_name="2.0.8.1_beta_2024-05-07",
    channel="Beta",
    is_legacy=True,
    finishes_aborted_upload=True,
    drops_row_of_aborted=False,
    clears_notifications=False,
    listings_write_rows=False,
    warns_after_kill=False,
    fails_listing_in_run=False,
)

RELEASES = {release.version: release for release in (V2_3_1, V2_3_0, V2_2, V2_1, V2_0_8)}
_SHORT = {"2.3.1": V2_3_1, "2.3.0": V2_3_0, "2.3": V2_3_1, "2.2": V2_2, "2.1": V2_1, "2.0.8": V2_0_8, "2.0": V2_0_8}


def find(name: str) -> Release:
    """Return the release that a user names (`2.3.1`, `2.3.1.0`); KeyError when it is none of the table."""
    return RELEASES.get(name) or _SHORT[name]
