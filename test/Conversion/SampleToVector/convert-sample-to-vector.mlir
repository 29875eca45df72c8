// RUN: plait-opt --convert-sample-to-vector=vector-bits=512 --split-input-file %s | FileCheck %s --check-prefixes=CHECK,V512
// RUN: plait-opt --convert-sample-to-vector=vector-bits=128 --split-input-file %s | FileCheck %s --check-prefixes=CHECK,V128

// The logits are read where they are; the tokens are a buffer of their own.
// CHECK-LABEL: func.func @best
func.func @best(%x: tensor<4x?xbf16>) -> tensor<4xi32> {
  // CHECK: cf.assert %{{.*}}, "sample.fused: expects a vocabulary below 1048576"
  // CHECK: %[[X:.*]] = bufferization.to_buffer %{{.*}} read_only
  // CHECK: %[[TOKENS:.*]] = memref.alloc() : memref<4xi32>
  // CHECK: call @sample_rows(
  // CHECK: bufferization.to_tensor %[[TOKENS]] restrict writable
  %tokens, %flags = sample.fused %x : tensor<4x?xbf16>
  return %tokens : tensor<4xi32>
}

// Four registers at a time; the greatest and a NaN of a group in one round.
// CHECK-LABEL: func.func private @sample_scan
// V512: vector.load %{{.*}} : {{.*}}, vector<16xbf16>
// V512: arith.cmpf uno, %{{.*}} : vector<16xf32>
// V128: vector.load %{{.*}} : {{.*}}, vector<4xbf16>
// V128: arith.cmpf uno, %{{.*}} : vector<4xf32>
// Weights are integers; the table is a permutation of registers.
// CHECK-LABEL: func.func private @sample_weigh
// CHECK: llvm.intr.lrint
// V512-COUNT-32: llvm.extractelement
// CHECK: vector.reduction <add>
// Rows are tiles; parts of rows where there are few.
// CHECK-LABEL: func.func private @sample_rows
// CHECK: scf.if
// CHECK-COUNT-2: scf.forall (%{{.*}}, %{{.*}}) in
// CHECK: scf.forall (%{{.*}}) in
// CHECK: } else {
// CHECK: scf.forall (%{{.*}}) in

// -----

// Ops with the same operands share their function.
// CHECK-LABEL: func.func @twice
func.func @twice(%x: tensor<4x100xf32>, %k: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
  // CHECK: call @sample_rows(
  // CHECK: call @sample_rows(
  // CHECK: call @sample_rows_{{[0-9]+}}(
  %a, %fa = sample.fused %x top_k(%k : tensor<4xi32>) : tensor<4x100xf32>
  %b, %fb = sample.fused %x top_k(%k : tensor<4xi32>) : tensor<4x100xf32>
  %c, %fc = sample.fused %x : tensor<4x100xf32>
  return %a, %b, %c : tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
}

// -----

// What lists of tokens change is one function: rows are copied, then lists are
// walked. A list's counts are not made.
// CHECK-LABEL: func.func @edits
func.func @edits(%x: tensor<4x100xf32>, %r: tensor<4xf32>, %h: tensor<4x?xi32>, %ids: tensor<4x2xi32>) -> tensor<4x100xf32> {
  // CHECK-NOT: sample.count
  // CHECK: %[[OUT:.*]] = memref.alloc() : memref<4x100xf32>
  // CHECK: call @sample_edit(
  // CHECK: bufferization.to_tensor %[[OUT]]
  %c = sample.count %x, %h : tensor<4x100xf32>, tensor<4x?xi32>
  %0 = sample.repetition_penalty %x, %r, %c : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %1 = sample.presence_penalty %0, %r, %c : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %2 = sample.ban %1, %ids : tensor<4x100xf32>, tensor<4x2xi32>
  return %2 : tensor<4x100xf32>
}

// CHECK-LABEL: func.func private @sample_edit_row
// Values, zeros, counts, changes and back for the penalties; bans.
// CHECK-COUNT-6: scf.for
// CHECK-LABEL: func.func private @sample_edit(
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in

// -----

// Outside of chains, counts that do not come from a list are dense, and so are
// their penalties.
// CHECK-LABEL: func.func @dense
func.func @dense(%x: tensor<4x100xf32>, %r: tensor<4xf32>, %c: tensor<4x100xi32>) -> tensor<4x100xf32> {
  // CHECK: sample.presence_penalty
  %0 = sample.presence_penalty %x, %r, %c : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  return %0 : tensor<4x100xf32>
}

// -----

// A kernel edits the groups that it copies, and the rounds choose between those
// and the given ones, which are narrower; what is removed is a bit.
// CHECK-LABEL: func.func @edited
func.func @edited(%x: tensor<4x?xbf16>, %r: tensor<4xf32>, %h: tensor<4x?xi32>, %w: tensor<4x?xi32>) -> tensor<4xi32> {
  // CHECK: %[[W:.*]] = bufferization.to_buffer %{{.*}} : tensor<4x?xi32> to memref<4x?xi32>
  // CHECK: call @sample_rows(
  %tokens, %flags = sample.fused %x edits {
  ^bb0(%l: tensor<4x?xf32>):
    %0 = sample.bitmask %l, %w : tensor<4x?xf32>, tensor<4x?xi32>
    %c = sample.count %0, %h : tensor<4x?xf32>, tensor<4x?xi32>
    %1 = sample.presence_penalty %0, %r, %c : tensor<4x?xf32>, tensor<4xf32>, tensor<4x?xi32>
    sample.yield %1 : tensor<4x?xf32>
  } : tensor<4x?xbf16>
  return %tokens : tensor<4xi32>
}
// CHECK-LABEL: func.func private @sample_edit_row
// CHECK-SAME: memref<?xf32, strided<[1], offset: ?>>, %{{.*}}: memref<?xi8, strided<[1], offset: ?>>, %{{.*}}: memref<?xi32, strided<[1], offset: ?>>)
// CHECK-LABEL: func.func private @sample_are_valid
// CHECK-LABEL: func.func private @sample_scan
// CHECK: scf.if
// V512-COUNT-4: vector.bitcast %{{.*}} : vector<1xi16> to vector<16xi1>
// V128-COUNT-4: vector.bitcast %{{.*}} : vector<1xi4> to vector<4xi1>
// CHECK: else

// -----

// Tables are read once; what has been seen of them is in a group's copy.
// CHECK-LABEL: func.func @tables
func.func @tables(%x: tensor<4x?xf32>, %r: tensor<4xf32>, %o: tensor<4x?xi32>, %p: tensor<4x?xi32>) -> tensor<4xi32> {
  // CHECK-DAG: bufferization.to_buffer %{{.*}} : tensor<4x?xi32>
  // CHECK: call @sample_rows(
  %tokens, %flags = sample.fused %x edits {
  ^bb0(%l: tensor<4x?xf32>):
    %0 = sample.repetition_penalty %l, %r, %o prompt %p : tensor<4x?xf32>, tensor<4xf32>, tensor<4x?xi32>, tensor<4x?xi32>
    %1 = sample.presence_penalty %0, %r, %o : tensor<4x?xf32>, tensor<4xf32>, tensor<4x?xi32>
    sample.yield %1 : tensor<4x?xf32>
  } : tensor<4x?xf32>
  return %tokens : tensor<4xi32>
}
// CHECK-LABEL: func.func private @sample_edit_row
// V512-COUNT-2: vector.load %{{.*}} : memref<?x?xi32>, vector<16xi32>
// V512: vector.reduction <or>, %{{.*}} : vector<16xi1> into i1
// V512: scf.if
// V512: arith.divf %{{.*}} : vector<16xf32>
// V512: arith.subf %{{.*}} : vector<16xf32>
