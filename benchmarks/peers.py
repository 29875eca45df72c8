"""The other compilers and runtimes, each given the same torch model or JAX function.

A peer that is not installed is left out; the README says how to install them.
"""

import importlib.util
import io
import logging
import warnings

import jax
import numpy as np
import torch
from measure import Peer, threads

import plait


def of_torch(model: torch.nn.Module, arrays: list[np.ndarray], function=None) -> list[Peer]:
    """Plait's code for ``model``, and every installed peer's.

    ``function(parameters, *arrays)`` is the same job in JAX, for XLA and IREE.
    """
    model = model.eval()
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    compiled = plait.compile(plait.from_torch(model, tensors))
    peers = [
        Peer("plait", lambda: _first(compiled(*arrays))),
        Peer("torch eager", without_gradients(model, tensors)),
        Peer("inductor", without_gradients(torch.compile(model), tensors)),
    ]
    if importlib.util.find_spec("onnxruntime"):
        peers.append(Peer("ONNX Runtime", _onnxruntime(model, tensors)))
    if function:
        parameters = [parameter.detach().numpy() for parameter in model.parameters()]
        peers.append(Peer("XLA", _xla(function, parameters, arrays)))
        if importlib.util.find_spec("iree") and importlib.util.find_spec("iree.compiler"):
            peers.append(Peer("IREE", _iree(function, parameters, arrays)))
    return peers


def without_gradients(model, tensors):
    """A call of ``model``."""

    @torch.no_grad()
    def call():
        return _first(model(*tensors))

    return call


def _first(result):
    """A decoding step also returns its caches; peers are compared by the logits."""
    return result[0] if isinstance(result, tuple) else result


def _onnxruntime(model, tensors):
    import onnxruntime

    logging.disable(logging.WARNING)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(model, tensors, dynamo=True, verbose=False)
    data = io.BytesIO()
    program.save(data)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads(), 1
    session = onnxruntime.InferenceSession(
        data.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    feed = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
    binding = session.io_binding()
    for name, array in feed.items():
        binding.bind_cpu_input(name, array)
    for value in session.get_outputs():
        binding.bind_output(value.name)

    def call():
        session.run_with_iobinding(binding)
        return binding.get_outputs()[0].numpy()

    return call


def _xla(function, parameters, arrays):
    jitted = jax.jit(function)
    placed = jax.device_put((parameters, *arrays))
    return lambda: jitted(*placed).block_until_ready()


def _iree(function, parameters, arrays):
    import iree.compiler
    import iree.runtime

    text = jax.jit(function).lower(parameters, *arrays).as_text()
    flags = ["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O2"]
    code = iree.compiler.compile_str(
        text, input_type="stablehlo", target_backends=["llvm-cpu"], extra_args=flags
    )
    config = iree.runtime.Config("local-sync" if threads() == 1 else "local-task")
    context = iree.runtime.SystemContext(config=config)
    module = iree.runtime.VmModule.copy_buffer(context.instance, code)
    context.add_vm_module(module)
    main = context.modules[module.name]["main"]
    placed = [iree.runtime.asdevicearray(config.device, a) for a in (*parameters, *arrays)]
    return lambda: main(*placed)
