// RUN: plait-opt %s > %t.once
// RUN: plait-opt %t.once --mlir-print-op-generic | plait-opt > %t.twice
// RUN: diff %t.once %t.twice
// RUN: FileCheck %s --input-file=%t.once
// RUN: FileCheck %s --input-file=%t.once --check-prefix=EMPTY

// Every op of the dialect once: a whole program.
// CHECK-DAG: csl.module layout{{ }}
// CHECK-DAG: csl.module program{{ }}
// CHECK-DAG: csl.param{{ }}
// CHECK-DAG: csl.get_color{{ }}
// CHECK-DAG: csl.get_queue{{ }}
// CHECK-DAG: csl.get_local_task_id{{ }}
// CHECK-DAG: csl.import_module{{ }}
// CHECK-DAG: csl.var{{ }}
// CHECK-DAG: csl.address_of{{ }}
// CHECK-DAG: csl.layout{{ }}
// CHECK-DAG: csl.set_rectangle{{ }}
// CHECK-DAG: csl.set_tile_code{{ }}
// CHECK-DAG: csl.set_color_config{{ }}
// CHECK-DAG: csl.export_name{{ }}
// CHECK-DAG: csl.struct{{ }}
// CHECK-DAG: csl.member_call{{ }}
// CHECK-DAG: csl.load{{ }}
// CHECK-DAG: csl.get_mem_dsd{{ }}
// CHECK-DAG: csl.get_fab_dsd{{ }}
// CHECK-DAG: csl.increment_dsd_offset{{ }}
// CHECK-DAG: csl.fmovs{{ }}
// CHECK-DAG: csl.fadds{{ }}
// CHECK-DAG: csl.fsubs{{ }}
// CHECK-DAG: csl.fmuls{{ }}
// CHECK-DAG: csl.fmaxs{{ }}
// CHECK-DAG: csl.fmacs{{ }}
// CHECK-DAG: csl.func{{ }}
// CHECK-DAG: csl.task{{ }}
// CHECK-DAG: csl.comptime{{ }}
// CHECK-DAG: csl.for{{ }}
// CHECK-DAG: csl.if{{ }}
// CHECK-DAG: csl.comment{{ }}
// CHECK-DAG: csl.initialize_queue{{ }}
// CHECK-DAG: csl.bind_local_task{{ }}
// CHECK-DAG: csl.export_symbol{{ }}
// CHECK-DAG: csl.host{{ }}
// CHECK-DAG: csl.memcpy_h2d{{ }}
// CHECK-DAG: csl.launch{{ }}
// CHECK-DAG: csl.memcpy_d2h{{ }}

module {
  csl.module  layout @layout target = <"wse2", sdk = "2.10"> {
    %c3_i16 = arith.constant 3 : i16
    %c2_i16 = arith.constant 2 : i16
    %0 = csl.struct ["width", "height"] (%c3_i16, %c2_i16 : i16, i16)
    %1 = csl.import_module "memcpy" = "<memcpy/get_params>" with %0
    %2 = csl.get_color "chain_even" = 0
    %3 = csl.get_color "chain_odd" = 1
    // An empty struct ends before the next op's result.
    // EMPTY: csl.struct []{{$}}
    // EMPTY-NEXT: %{{.*}} = csl.import_module "empty"
    %empty = csl.struct []
    %with_empty = csl.import_module "empty" = "<empty>" with %empty
    csl.layout {
      csl.set_rectangle 3, 2
      %c0_i16 = arith.constant 0 : i16
      csl.for "py" count 2 {
      ^bb0(%arg0: i16):
        %4 = csl.member_call %1, "get_params"(%c0_i16) : (i16) -> !csl.struct
        %false = arith.constant false
        %true = arith.constant true
        %false_1 = arith.constant false
        %5 = csl.struct ["memcpy_params", "has_west", "has_east", "is_last", "c_in", "c_out"] (%4, %false, %true, %false_1, %3, %2 : !csl.struct, i1, i1, i1, !csl.color, !csl.color)
        csl.set_tile_code %c0_i16, %arg0, @pe with %5
        csl.set_color_config %c0_i16, %arg0, %2 rx =  ramp tx = [#csl<direction east>]
      }
      %c1_i16 = arith.constant 1 : i16
      csl.for "py" count 2 {
      ^bb0(%arg0: i16):
        %4 = csl.member_call %1, "get_params"(%c1_i16) : (i16) -> !csl.struct
        %true = arith.constant true
        %true_1 = arith.constant true
        %false = arith.constant false
        %5 = csl.struct ["memcpy_params", "has_west", "has_east", "is_last", "c_in", "c_out"] (%4, %true, %true_1, %false, %2, %3 : !csl.struct, i1, i1, i1, !csl.color, !csl.color)
        csl.set_tile_code %c1_i16, %arg0, @pe with %5
        csl.set_color_config %c1_i16, %arg0, %2 rx =  west tx = [#csl<direction ramp>]
        csl.set_color_config %c1_i16, %arg0, %3 rx =  ramp tx = [#csl<direction east>]
      }
      %c2_i16_0 = arith.constant 2 : i16
      csl.for "py" count 2 {
      ^bb0(%arg0: i16):
        %4 = csl.member_call %1, "get_params"(%c2_i16_0) : (i16) -> !csl.struct
        %true = arith.constant true
        %false = arith.constant false
        %true_1 = arith.constant true
        %5 = csl.struct ["memcpy_params", "has_west", "has_east", "is_last", "c_in", "c_out"] (%4, %true, %false, %true_1, %3, %2 : !csl.struct, i1, i1, i1, !csl.color, !csl.color)
        csl.set_tile_code %c2_i16_0, %arg0, @pe with %5
        csl.set_color_config %c2_i16_0, %arg0, %3 rx =  west tx = [#csl<direction ramp>]
      }
      csl.export_name "in0" : !csl.ptr<f32>
      csl.export_name "in1" : !csl.ptr<f32>
      csl.export_name "in2" : !csl.ptr<f32>
      csl.export_name "t" : !csl.ptr<f32>
      csl.export_name "compute"
    }
  }
  csl.module  program @pe target = <"wse2", sdk = "2.10"> {
    %0 = csl.param "memcpy_params" : !csl.struct
    %1 = csl.import_module "sys" = "<memcpy/memcpy>" with %0
    %2 = csl.param "has_west" : i1
    %3 = csl.param "has_east" : i1
    %4 = csl.param "is_last" : i1
    %5 = csl.param "c_in" : !csl.color
    %6 = csl.param "c_out" : !csl.color
    %7 = csl.get_local_task_id "done_id" = 9
    %8 = csl.var "in0" : memref<4xf32>
    %9 = csl.address_of "in0_ptr" = %8 : memref<4xf32> -> <f32>
    %10 = csl.var "in1" : memref<10xf32>
    %11 = csl.address_of "in1_ptr" = %10 : memref<10xf32> -> <f32>
    %12 = csl.var "t" : memref<10xf32>
    %13 = csl.get_mem_dsd "t_all" = %12 extent 10 : memref<10xf32> -> <mem1d, f32>
    %14 = csl.get_mem_dsd "t_run" = %12 extent 2 : memref<10xf32> -> <mem1d, f32>
    %15 = csl.get_mem_dsd "in0_run" = %8 extent 2 : memref<4xf32> -> <mem1d, f32>
    %16 = csl.get_queue "from_west_queue" = 2 : <input>
    %17 = csl.get_fab_dsd "from_west" = %16 extent 10 : <input> -> <fabin, f32>
    %18 = csl.get_queue "to_east_queue" = 2 : <output>
    %19 = csl.get_fab_dsd "to_east" = %18 color %6 extent 10 : <output> -> <fabout, f32>
    %20 = csl.var "in2" : memref<5xf32>
    %21 = csl.address_of "in2_ptr" = %20 : memref<5xf32> -> <f32>
    %22 = csl.address_of "t_ptr" = %12 : memref<10xf32> -> <f32>
    csl.func @compute {
      csl.comment "t = in0 @ in1: 2 x 2 by 2 x 5, about 40 cycles by the cost model"
      %cst = arith.constant 0.000000e+00 : f32
      csl.fmovs %13, %cst : !csl.dsd<mem1d, f32>, f32
      csl.for "j" count 5 {
      ^bb0(%arg0: i16):
        %c2_i16 = arith.constant 2 : i16
        %23 = arith.muli %arg0, %c2_i16 : i16
        %24 = csl.increment_dsd_offset "t_j" = %14 by %23 : <mem1d, f32>
        csl.for "k" count 2 {
        ^bb0(%arg1: i16):
          %c2_i16_0 = arith.constant 2 : i16
          %25 = arith.muli %arg1, %c2_i16_0 : i16
          %26 = csl.increment_dsd_offset "in0_k" = %15 by %25 : <mem1d, f32>
          %c2_i16_1 = arith.constant 2 : i16
          %27 = arith.muli %arg0, %c2_i16_1 : i16
          %28 = arith.addi %27, %arg1 : i16
          %29 = csl.load "in1_s" = %10[%28] : memref<10xf32>
          csl.fmacs %24, %24, %26, %29 : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, f32
        }
      }
      csl.comment "sum along the PE row, west to east: 10 wavelets, about 22 cycles by the cost model"
      csl.if %2 {
        csl.if %3 {
          csl.fadds %19, %13, %17 activate %7 : !csl.dsd<fabout, f32>, !csl.dsd<mem1d, f32>, !csl.dsd<fabin, f32>
        } else {
          csl.fadds %13, %13, %17 activate %7 : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, !csl.dsd<fabin, f32>
        }
      } else {
        csl.fmovs %19, %13 activate %7 : !csl.dsd<fabout, f32>, !csl.dsd<mem1d, f32>
      }
    }
    csl.task @done {
      csl.if %4 {
        csl.for "j" count 5 {
        ^bb0(%arg0: i16):
          %c2_i16 = arith.constant 2 : i16
          %23 = arith.muli %arg0, %c2_i16 : i16
          %24 = csl.increment_dsd_offset "t_j2" = %14 by %23 : <mem1d, f32>
          %25 = csl.load "in2_s" = %20[%arg0] : memref<5xf32>
          csl.fadds %24, %24, %25 : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, f32
        }
        %cst = arith.constant 0.000000e+00 : f32
        csl.fsubs %13, %13, %cst : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, f32
        csl.fmuls %13, %13, %cst : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, f32
        csl.fmaxs %13, %13, %cst : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, f32
      }
      csl.member_call %1, "unblock_cmd_stream"() : () -> ()
    }
    csl.comptime {
      csl.export_symbol "in0" = %9 : !csl.ptr<f32>
      csl.export_symbol "in1" = %11 : !csl.ptr<f32>
      csl.if %2 {
        csl.initialize_queue %16 color %5 : <input>
      }
      csl.if %3 {
        csl.initialize_queue %18 : <output>
      }
      csl.bind_local_task @done, %7
      csl.export_symbol "in2" = %21 : !csl.ptr<f32>
      csl.export_symbol "t" = %22 : !csl.ptr<f32>
      csl.export_symbol "compute"
    }
  }
  csl.host {
    csl.memcpy_h2d "in0", 0, <shape = [4, 6], axes = [rows, columns], order = [1, 0], rect = [0, 0, 3, 2]>
    csl.memcpy_h2d "in1", 1, <shape = [6, 5], axes = [columns, none], order = [1, 0], rect = [0, 0, 3, 2]>
    csl.memcpy_h2d "in2", 2, <shape = [5], axes = [none], order = [0], rect = [0, 0, 3, 2]>
    csl.launch "compute"
    csl.memcpy_d2h "t", <shape = [4, 5], axes = [rows, none], order = [1, 0], rect = [2, 0, 1, 2]>
  }
}

