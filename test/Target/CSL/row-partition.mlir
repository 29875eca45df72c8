// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(mesh-assign-layout),canonicalize,convert-mesh-to-csl)' | plait-translate --mlir-to-csl | FileCheck %s

// Each PE has whole rows: no fabric, no queue, no task.
// CHECK: // FILE: layout.csl
// CHECK: const memcpy = @import_module("<memcpy/get_params>", .{ .width = 1, .height = 2 });
// CHECK: @set_rectangle(1, 2);
// CHECK-NOT: @set_color_config
// CHECK: for (@range(i16, 2)) |py| {
// CHECK-NEXT: @set_tile_code(0, py, "pe.csl", .{ .memcpy_params = memcpy.get_params(0) });
// CHECK: @export_name("in0", [*]f32, true);
// CHECK: @export_name("compute", fn()void);
// CHECK: // FILE: commands_wse2.sh
// CHECK: cslc --arch=wse2 ./layout.csl --fabric-dims=8,4 --fabric-offsets=4,1 -o out --memcpy --channels=1
// CHECK: // FILE: pe.csl
// CHECK: param memcpy_params;
// CHECK: var in0 = @zeros([12]f32);
// CHECK-NOT: queue
// CHECK: fn compute() void {
// CHECK: @fmovs(t_all, 0.0);
// CHECK-NEXT: for (@range(i16, 5)) |j| {
// CHECK-NEXT: const t_j = @increment_dsd_offset(t_run, j * 2, f32);
// CHECK-NEXT: for (@range(i16, 6)) |k| {
// CHECK-NEXT: const in0_k = @increment_dsd_offset(in0_run, k * 2, f32);
// CHECK-NEXT: const in1_s = in1[(j * 6 + k)];
// CHECK-NEXT: @fmacs(t_j, t_j, in0_k, in1_s);
// CHECK: @fmaxs(t_all, t_all, 0.0);
// CHECK-NEXT: sys.unblock_cmd_stream();
// CHECK-NOT: unblock_cmd_stream
// CHECK: // FILE: run.py
// CHECK: to_device("in0", inputs["in0"], (4, 6), ("rows", "none"), (1, 0), (0, 0, 1, 2))
// CHECK: runner.launch("compute", nonblock=False)
// CHECK: result = to_host("t", (4, 5), ("rows", "none"), (1, 0), (0, 0, 1, 2))

mesh.grid @grid shape = [2, 1] target = "wse2"
func.func @main(%x: tensor<4x6xf32>, %w: tensor<6x5xf32>, %b: tensor<5xf32>) -> tensor<4x5xf32> {
  %0 = mesh.place %x, <row_partition> on @grid : tensor<4x6xf32>
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
