"""The exceptions that Plait raises on purpose."""


class PlaitError(Exception):
    """Base of every error below."""


class FrontendError(PlaitError):
    """A model cannot be brought in: what is unsupported, by name and source line."""


class CompileError(PlaitError):
    """A pass or a code generator failed, or its process died.

    Attributes:
        diagnostics: what the worker wrote to its standard error.
        reproducer: path of an ``.mlir`` file that replays the failure, or None.
        command: the command that replays it, or None.
    """

    def __init__(self, message, *, diagnostics="", reproducer=None, command=None):
        self.diagnostics = diagnostics
        self.reproducer = reproducer
        self.command = command
        if command:
            message = f"{message}\nreplay with: {command}"
        super().__init__(message)


class ArgumentError(PlaitError, TypeError):
    """A call's arguments do not fit the compiled signature."""


class PackageError(PlaitError):
    """A package cannot be loaded here: damaged, of another version, or of another CPU."""


class CheckError(PlaitError):
    """Compiled code and the original model do not agree within the stated tolerance."""
