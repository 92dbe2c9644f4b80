"""What the sandbox's engine refuses and what its operations fail with; a face decides how that looks on the wire."""

from __future__ import annotations


class Refused(Exception):
    """A request that the server understood and refuses: HTTP status and text, perhaps a help id."""

    def __init__(self, status: int, text: str, help_id: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.help_id = help_id


class BadBinding(Exception):
    """A request whose shape is wrong: the modern server answers 400 without a body."""


class Unexpected(Exception):
    """A request that fails inside the server: the modern server answers 500, `An error occurred`."""


class OperationFailed(Exception):
    """An operation that ended with an exception, with the .NET class, message, help id and stack of the real one."""

    def __init__(self, kind: str, message: str, *, help_id: str | None = None, frames: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.help_id = help_id
        self.frames = frames

    def details(self) -> str:
        """Return what `Exception` members show: class, message and stack."""
        return f"{self.kind}: {self.message}" + "".join(f"\n   at {frame}" for frame in self.frames)


USER_INFORMATION = "Duplicati.Library.Interface.UserInformationException"
LIST_VERIFICATION = "Duplicati.Library.Interface.RemoteListVerificationException"
FOLDER_MISSING = "Duplicati.Library.Interface.FolderMissingException"


def aborted() -> OperationFailed:
    """Return the failure of an operation that was aborted (`2.3.1.0 control:81`)."""
    frames = (
        "Duplicati.Library.Main.Operation.Common.TaskControl.ProgressRendevouzAsync()",
        "Duplicati.Library.Main.Operation.BackupHandler.RunAsync(String[] sources, IFilter filter)",
        "Duplicati.Library.Main.Controller.BackupAsync(String[] inputsources, IFilter inputFilter)",
    )
    return OperationFailed("System.Threading.Tasks.TaskCanceledException", "A task was canceled.", frames=frames)


def database_locked() -> Refused:
    """Return the refusal of 2.3.1.0 to read a backup in mid-run (`2.3.1.0 control:22`)."""
    text = (
        "The backup database is currently in use by another operation and cannot be accessed concurrently. "
        "Please wait for the running operation to finish and try again."
    )
    return Refused(400, text, "DatabaseLocked")
