"""A CSL simulator: wafer-scale programs without the vendor's SDK.

Reads CSL text and nothing else; it imports nothing of the compiler. The parts,
in the order a program meets them:

* ``syntax``: the grammar (``csl.lark``) and trees with positions;
* ``evaluate``, ``builtins``: one evaluator for layout, comptime and PE code.
  What is known is folded; the rest of a PE's code becomes instructions;
* ``program``: memory, slots and code of one PE program, shared between all PEs
  with equal parameters;
* ``layout``: the grid, and the artifact that ``cslc`` leaves;
* ``core``: the C++ core (``lib/CSLSim``) that runs all PEs and the fabric on one
  clock, event by event;
* ``simulator``, ``runtime``: the host's view, and the drop-in ``SdkRuntime``;
* ``lib``: the libraries ``<memcpy/memcpy>``, ``<math>``, ..., written in CSL.

A program that passes is accepted by Plait's model of CSL. That is all it says.
"""
