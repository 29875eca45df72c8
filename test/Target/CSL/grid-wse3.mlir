// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(mesh-assign-layout),canonicalize,convert-mesh-to-csl{sdk=2.10})' | plait-translate --mlir-to-csl | FileCheck %s

// Columns alternate between two colours; the sum ends in the last one.
// CHECK: @set_rectangle(3, 2);
// CHECK: @set_tile_code(0, py, "pe.csl", .{{.*}} .has_west = false, .has_east = true, .is_last = false, .c_in = chain_odd, .c_out = chain_even });
// CHECK-NEXT: @set_color_config(0, py, chain_even, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } });
// CHECK: @set_tile_code(1, py, {{.*}} .has_west = true, .has_east = true, .is_last = false, .c_in = chain_even, .c_out = chain_odd });
// CHECK-NEXT: @set_color_config(1, py, chain_even, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP} } });
// CHECK-NEXT: @set_color_config(1, py, chain_odd, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } });
// CHECK: @set_tile_code(2, py, {{.*}} .has_west = true, .has_east = false, .is_last = true, .c_in = chain_odd, .c_out = chain_even });
// CHECK-NEXT: @set_color_config(2, py, chain_odd, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP} } });
// CHECK: // FILE: pe.csl
// CHECK: @get_dsd(fabin_dsd, .{ .extent = 10, .input_queue = from_west_queue });
// CHECK: @get_dsd(fabout_dsd, .{ .extent = 10, .output_queue = to_east_queue, .fabric_color = c_out });
// CHECK: if (has_west) {
// CHECK-NEXT: if (has_east) {
// CHECK-NEXT: @fadds(to_east, t_all, from_west, .{ .async = true, .activate = done_id });
// CHECK-NEXT: } else {
// CHECK-NEXT: @fadds(t_all, t_all, from_west, .{ .async = true, .activate = done_id });
// CHECK-NEXT: }
// CHECK-NEXT: } else {
// CHECK-NEXT: @fmovs(to_east, t_all, .{ .async = true, .activate = done_id });
// CHECK: task done() void {
// CHECK-NEXT: if (is_last) {
// CHECK: @fadds(t_j2, t_j2, in2_s);
// CHECK: @fmaxs(t_all, t_all, 0.0);
// CHECK-NEXT: }
// CHECK-NEXT: sys.unblock_cmd_stream();
// CHECK: @initialize_queue(from_west_queue, .{ .color = c_in });
// CHECK: @initialize_queue(to_east_queue, .{ .color = c_out });

mesh.grid @grid shape = [2, 3] target = "wse3"
func.func @main(%x: tensor<4x6xf32>, %w: tensor<6x5xf32>, %b: tensor<5xf32>) -> tensor<4x5xf32> {
  %0 = mesh.place %x, <grid> on @grid : tensor<4x6xf32>
  %1 = mesh.place %w, <single> on @grid : tensor<6x5xf32>
  %2 = mesh.place %b, <single> on @grid : tensor<5xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %m = linalg.matmul ins(%0, %1 : tensor<4x6xf32>, tensor<6x5xf32>) outs(%f : tensor<4x5xf32>) -> tensor<4x5xf32>
  %bb = linalg.broadcast ins(%2 : tensor<5xf32>) outs(%e : tensor<4x5xf32>) dimensions = [0]
  %y = linalg.add ins(%m, %bb : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %r = linalg.max ins(%y, %f : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  return %r : tensor<4x5xf32>
}
