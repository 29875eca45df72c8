"""What the front for torch adds to torch-mlir; see :mod:`plait.frontends._torch_worker`."""
