//===- SpikeAttrs.td - spike attrs -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKEATTRS_TD
#define PLAIT_DIALECT_SPIKE_IR_SPIKEATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "plait/Dialect/Spike/IR/SpikeDialect.td"

class Spike_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Spike_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class Spike_Enum<string name, string summary,
                 list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::plait::spike";
  let genSpecializedAttr = 0;
}

class Spike_EnumAttr<EnumAttrInfo info, string attrMnemonic>
    : EnumAttr<Spike_Dialect, info, attrMnemonic>;

def Spike_Integrator : Spike_Enum<"Integrator",
    "how the membrane equation is stepped", [
      I32EnumAttrCase<"Euler", 0, "euler">,
      I32EnumAttrCase<"Exponential", 1, "exponential">,
      I32EnumAttrCase<"Impulse", 2, "impulse">,
      I32EnumAttrCase<"EulerImpulse", 3, "euler_impulse">]>;
def Spike_IntegratorAttr : Spike_EnumAttr<Spike_Integrator, "integrator"> {
  let description = [{
    One step of `tau dv/dt = (l - v) + g x`, with `k = dt / tau`, `a = exp(-k)`,
    `l` the leak and `g` the input's gain. Nothing is contracted or reordered:

    | case | `decay` is | next potential | who |
    |---|---|---|---|
    | `euler` | `k` | `v + k ((l - v) + g x)` | Norse LIFBox, SpikingJelly |
    | `euler_impulse` | `k` | `(v + k (l - v)) + g x` | Norse LIF currents |
    | `impulse` | `a` | `(l + a (v - l)) + g x` | snnTorch, Sinabs, Rockpool, Spyx |
    | `exponential` | `a` | `w + a (v - w)`, `w = l + g x` | Nengo, NEST |

    A term whose operand is absent is not computed: without `leak`, `impulse`
    is `a v + g x`, and without `decay` it is the integrator `v + g x`.
  }];
}

def Spike_Compare : Spike_Enum<"Compare",
    "when a potential counts as over the threshold", [
      I32EnumAttrCase<"Gt", 0, "gt">, I32EnumAttrCase<"Ge", 1, "ge">]>;
def Spike_CompareAttr : Spike_EnumAttr<Spike_Compare, "compare"> {
  let description = [{
    `gt`: `v > threshold`, `ge`: `v >= threshold`. A NaN never fires.
  }];
}

def Spike_Reset : Spike_Enum<"Reset",
    "what a spike does to the potential", [
      I32EnumAttrCase<"Value", 0, "value">,
      I32EnumAttrCase<"Subtract", 1, "subtract">]>;
def Spike_ResetAttr : Spike_EnumAttr<Spike_Reset, "reset"> {
  let description = [{
    `value`: the potential becomes `to`, or zero. `subtract`: `threshold` is
    taken off it once per spike.
  }];
}

def Spike_Moment : Spike_Enum<"Moment", "the step of a reset", [
      I32EnumAttrCase<"Now", 0, "now">, I32EnumAttrCase<"Next", 1, "next">,
      I32EnumAttrCase<"NextBefore", 2, "next_before">,
      I32EnumAttrCase<"Crossing", 3, "crossing">]>;
def Spike_MomentAttr : Spike_EnumAttr<Spike_Moment, "moment"> {
  let description = [{
    `now`: in the step that fires. `next`: one step later, after the
    integration, because the stored potential was over the threshold.
    `next_before`: one step later, before the integration. `crossing`: within
    the step, at the instant the potential meets the threshold.
  }];
}

def Spike_Encoding : Spike_Enum<"Encoding", "how a train of spikes is held", [
      I32EnumAttrCase<"Dense", 0, "dense">,
      I32EnumAttrCase<"Packed", 1, "packed">,
      I32EnumAttrCase<"Events", 2, "events">]>;
def Spike_EncodingAttr : Spike_EnumAttr<Spike_Encoding, "encoding"> {
  let description = [{
    `dense`: a number per neuron and step. `packed`: a bit, in words
    (`spike.pack`). `events`: the places of the spikes of each step
    (`spike.list_events`).
  }];
}

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKEATTRS_TD
