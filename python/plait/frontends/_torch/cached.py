"""Imports kept between processes: see the ``cache`` argument of :func:`plait.from_torch`."""

import hashlib
import io
import pickle
import sys
import types
from pathlib import Path

from plait import cache
from plait.errors import FrontendError

#: transformers keeps a hash of strings, which differs in every process.
_SEEDED = "_original_object_hash"


def key(torch, model, call) -> str:
    """The hash of a model without its parameters' values, and of what it is called with.

    Functions and classes count by name and by what they enclose, for
    :func:`stamps` covers their sources.
    """
    stream = io.BytesIO()
    try:
        _pickler(torch, model, stream).dump((model, call))
    except Exception as error:  # Whatever an attribute's own __reduce__ raises.
        raise FrontendError(f"cache=True cannot describe the model: {error}") from error
    state = (torch.__version__, torch.get_default_dtype(), torch.get_default_device())
    if torch.is_autocast_enabled("cpu"):
        state += (torch.get_autocast_dtype("cpu"),)
    return cache.key("from_torch", cache.tools_digest(), repr(state), stream.getvalue())


def _pickler(torch, model, stream):
    """A pickler whose output is hashed and never loaded."""
    seen = set()
    numbers = {id(t): n for n, t in enumerate(named_tensors(torch, model).values())}

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, set | frozenset):
                return sorted(map(repr, value))  # Its order differs from run to run.
            if not isinstance(value, torch.Tensor):
                return None
            like = (type(value).__name__, str(value.dtype), tuple(value.shape), value.stride())
            # A weight may change; another tensor may be traced as a constant.
            if id(value) in numbers:
                return (numbers[id(value)], *like)
            data = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
            return (hashlib.sha256(data).hexdigest(), *like)

        def reducer_override(self, value):
            if isinstance(value, types.ModuleType):
                return tuple, ((value.__name__,),)
            if (own := getattr(value, "__dict__", {})) and _SEEDED in own:
                return tuple, ((type(value), {n: v for n, v in own.items() if n != _SEEDED}),)
            if isinstance(value, property):
                return tuple, ((value.fget, value.fset),)
            if isinstance(value, staticmethod | classmethod):
                return tuple, ((value.__func__,),)
            if not isinstance(value, type | types.FunctionType) or _is_importable(value):
                return NotImplemented
            if not _has_source(value):
                raise TypeError(f"{value.__qualname__} has no source file")
            name = (value.__module__, value.__qualname__)
            if value in seen:  # A method encloses its class.
                return tuple, (name,)
            seen.add(value)
            if isinstance(value, type):
                skip = ("__dict__", "__weakref__", "__doc__")
                members = {n: m for n, m in vars(value).items() if n not in skip}
                return tuple, ((*name, value.__bases__, members),)
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            defaults = (value.__defaults__, value.__kwdefaults__)
            return tuple, ((*name, value.__code__.co_firstlineno, cells, defaults),)

    return Pickler(stream)


def _is_importable(value) -> bool:
    found = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value and _has_source(value)


def _has_source(value) -> bool:
    """Whether :func:`stamps` covers the code, which a notebook's it does not."""
    module = sys.modules[value.__module__]
    return hasattr(module, "__file__") or module.__name__ in sys.builtin_module_names


def named_tensors(torch, model) -> dict:
    """The parameters and buffers of a model by name."""
    if not isinstance(model, torch.nn.Module):
        return {}
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def stamps() -> dict[str, tuple[int, int]]:
    """The time and size of the source of every module that is loaded now."""
    found = {}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and (stamp := _stamp(path)):
            found[path] = stamp
    return found


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def load(name: str):
    """What :func:`save` kept under ``name``, if no source has changed since."""
    entry = cache.store().get(name)
    if entry is None or any(_stamp(path) != stamp for path, stamp in entry["stamps"].items()):
        return None
    return entry["value"]


def save(name: str, value):
    """Keeps ``value``, which can be pickled, with the state of all sources."""
    cache.store().set(name, {"stamps": stamps(), "value": value})
