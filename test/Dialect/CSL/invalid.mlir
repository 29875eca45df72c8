// RUN: plait-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expects architecture 'wse2' or 'wse3', got 'wse4'}}
csl.module program @pe target = <"wse4", sdk = "2.10"> {
  %0 = csl.var "x" : memref<1xf32>
}

// -----

// expected-error @below {{expects 'sdk' "1.4" or "2.10", got "3.0"}}
csl.module program @pe target = <"wse3", sdk = "3.0"> {
  %0 = csl.var "x" : memref<1xf32>
}

// -----

csl.host {
  // expected-error @below {{expects one of 'axes' for each of 1 dimensions, got 2}}
  csl.memcpy_d2h "x", <shape = [4], axes = [rows, none], order = [0], rect = [0, 0, 1, 2]>
}

// -----

csl.host {
  // expected-error @below {{expects 'order' to be a permutation of 1 dimensions, got [1]}}
  csl.memcpy_d2h "x", <shape = [4], axes = [rows], order = [1], rect = [0, 0, 1, 2]>
}

// -----

csl.host {
  // expected-error @below {{expects 'rect' to be column, row, width, height, got [0, 0, 1]}}
  csl.memcpy_d2h "x", <shape = [4], axes = [rows], order = [0], rect = [0, 0, 1]>
}

// -----

csl.host {
  // expected-error @below {{expects a size of 'shape' to be a multiple of 2, got 5}}
  csl.memcpy_d2h "x", <shape = [5], axes = [rows], order = [0], rect = [0, 0, 1, 2]>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects a colour from 0 to 20, got 21}}
  %0 = csl.get_color "c" = 21
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects an input queue from 2 to 7, got 1}}
  %0 = csl.get_queue "q" = 1 : !csl.queue<input>
}

// -----

csl.module program @pe target = <"wse2", sdk = "1.4"> {
  // expected-error @below {{expects an output queue from 2 to 5, got 6}}
  %0 = csl.get_queue "q" = 6 : !csl.queue<output>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects a local task id from 8 to 20, got 21}}
  %0 = csl.get_local_task_id "t" = 21
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects a static, positive size, got 'memref<?xf32>'}}
  %0 = csl.var "x" : memref<?xf32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.var "x" : memref<4xf32>
  // expected-error @below {{expects a pointer to 'f32', got '!csl.ptr<i16>'}}
  %1 = csl.address_of "p" = %0 : memref<4xf32> -> !csl.ptr<i16>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.var "x" : memref<4xf32>
  // expected-error @below {{expects a mem1d descriptor of the array's elements, got '!csl.dsd<fabin, f32>'}}
  %1 = csl.get_mem_dsd "d" = %0 extent 4 : memref<4xf32> -> !csl.dsd<fabin, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.var "x" : memref<4xf32>
  // expected-error @below {{expects an extent from 1 to 4, got 5}}
  %1 = csl.get_mem_dsd "d" = %0 extent 5 : memref<4xf32> -> !csl.dsd<mem1d, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.var "x" : memref<40000xf32>
  // expected-error @below {{expects an array of at most 32768 elements, which a descriptor's offset can reach, got 40000}}
  %1 = csl.get_mem_dsd "d" = %0 extent 5 : memref<40000xf32> -> !csl.dsd<mem1d, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  // expected-error @below {{expects a fabin descriptor of f32 for '!csl.queue<input>', got '!csl.dsd<fabout, f32>'}}
  %d = csl.get_fab_dsd "d" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabout, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  // expected-error @below {{expects an extent from 1 to 65535, got 65536}}
  %d = csl.get_fab_dsd "d" = %i extent 65536 : !csl.queue<input> -> !csl.dsd<fabin, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  // expected-error @below {{expects no colour on a fabric input for SDK 2.10}}
  %d = csl.get_fab_dsd "d" = %i color %c extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
}

// -----

csl.module program @pe target = <"wse2", sdk = "1.4"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  // expected-error @below {{expects a colour on a fabric input for SDK 1.4}}
  %d = csl.get_fab_dsd "d" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects operand forms DDDS (D a descriptor, S a scalar), got DDDD}}
    csl.fmacs %m, %m, %m, %m : !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>, !csl.dsd<mem1d, f32>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects operand forms DD or DS (D a descriptor, S a scalar), got D}}
    csl.fmovs %m : !csl.dsd<mem1d, f32>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects operand forms DDD or DSD or DDS (D a descriptor, S a scalar), got DSS}}
    csl.fadds %m, %s, %s : !csl.dsd<mem1d, f32>, f32, f32
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects operand forms DDD or DSD or DDS (D a descriptor, S a scalar), got DSS}}
    csl.fsubs %m, %s, %s : !csl.dsd<mem1d, f32>, f32, f32
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects operand forms DDD or DSD or DDS (D a descriptor, S a scalar), got DSS}}
    csl.fmuls %m, %s, %s : !csl.dsd<mem1d, f32>, f32, f32
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects operand forms DDD or DSD or DDS (D a descriptor, S a scalar), got DSS}}
    csl.fmaxs %m, %s, %s : !csl.dsd<mem1d, f32>, f32, f32
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects a destination that is not a fabric input}}
    csl.fmovs %in, %m : !csl.dsd<fabin, f32>, !csl.dsd<mem1d, f32>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects sources that are not fabric outputs}}
    csl.fmovs %m, %out : !csl.dsd<mem1d, f32>, !csl.dsd<fabout, f32>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects at most 1 fabric input, got 2}}
    csl.fadds %m, %in, %in : !csl.dsd<mem1d, f32>, !csl.dsd<fabin, f32>, !csl.dsd<fabin, f32>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects only descriptors in an asynchronous operation, got a scalar}}
    csl.fmovs %m, %s activate %t : !csl.dsd<mem1d, f32>, f32
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects a mem1d descriptor, got '!csl.dsd<fabin, f32>'}}
    %z = csl.increment_dsd_offset "z" = %in by %n : !csl.dsd<fabin, f32>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects a count from 1 to 32767, got 0}}
    csl.for "k" count 0 {
    ^bb0(%k: i16):
      csl.comment "x"
    }
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects one i16 argument in its region}}
    csl.for "k" count 2 {
      csl.comment "x"
    }
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects one line}}
    csl.comment "a\nb"
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %x = csl.var "x" : memref<4xf32>
  %m = csl.get_mem_dsd "m" = %x extent 4 : memref<4xf32> -> !csl.dsd<mem1d, f32>
  %in = csl.get_fab_dsd "in" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
  %out = csl.get_fab_dsd "out" = %o color %c extent 4 : !csl.queue<output> -> !csl.dsd<fabout, f32>
  %t = csl.get_local_task_id "t" = 9
  %n = csl.param "n" : i16
  %b = csl.param "b" : i1
  csl.func @f {
    %s = arith.constant 1.0 : f32
    // expected-error @below {{expects as many names as values, got 1 and 2}}
    %z = csl.struct ["a"] (%n, %n : i16, i16)
  }
}

// -----

func.func @outside(%q: !csl.queue<input>, %d: !csl.dsd<mem1d, f32>) {
  // expected-error @below {{expects to be inside a 'csl.module'}}
  csl.initialize_queue %q : !csl.queue<input>
  return
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  csl.comptime {
    // expected-error @below {{expects a colour for an input queue on wse3}}
    csl.initialize_queue %i : !csl.queue<input>
  }
}

// -----

csl.module program @pe target = <"wse2", sdk = "1.4"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  csl.comptime {
    // expected-error @below {{expects no colour for an output queue on wse2}}
    csl.initialize_queue %o color %c : !csl.queue<output>
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %t = csl.get_local_task_id "t" = 9
  csl.comptime {
    // expected-error @below {{expects @nothing to name a 'csl.task'}}
    csl.bind_local_task @nothing, %t
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  csl.comptime {
    // expected-error @below {{expects 'nothing' to name a 'csl.func'}}
    csl.export_symbol "nothing"
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects a name that CSL accepts, got 'fn'}}
  %1 = csl.var "fn" : memref<4xf32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.var "x" : memref<4xf32>
  // expected-error @below {{declares 'x' again}}
  %1 = csl.var "x" : memref<4xf32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.get_color "x" = 3
  // expected-error @below {{takes id 3 again}}
  %1 = csl.get_color "y" = 3
}

// -----

// expected-error @below {{expects arrays of at most 40960 bytes on wse3 (49152 less code and stack), got 44000}}
csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %0 = csl.var "x" : memref<11000xf32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects 'i' to be initialised 1 times, got 0}}
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %d = csl.get_fab_dsd "d" = %i extent 4 : !csl.queue<input> -> !csl.dsd<fabin, f32>
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  // expected-error @below {{expects to be bound to one id, got 0}}
  csl.task @t { csl.comment "x" }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %c = csl.param "c" : !csl.color
  %i = csl.get_queue "i" = 2 : !csl.queue<input>
  %o = csl.get_queue "o" = 2 : !csl.queue<output>
  %t = csl.get_local_task_id "t" = 9
  csl.task @a { csl.comment "x" }
  csl.task @b { csl.comment "x" }
  csl.comptime {
    csl.bind_local_task @a, %t
    // expected-error @below {{binds an id again}}
    csl.bind_local_task @b, %t
  }
}

// -----

// expected-error @below {{expects no 'csl.layout' in a program}}
csl.module program @pe target = <"wse3", sdk = "2.10"> {
  csl.layout {
    csl.set_rectangle 1, 1
    %0 = arith.constant 0 : i16
    %s = csl.struct []
    csl.set_tile_code %0, %0, @pe with %s
  }
}

// -----

// expected-error @below {{expects one 'csl.layout', got 0}}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  // expected-error @below {{expects 'csl.set_rectangle' first}}
  csl.layout {
    csl.comment "x"
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  // expected-error @below {{gives no code to column 1, row 0}}
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{sets the code of column 1, row 0 again}}
    csl.set_tile_code %1, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{sets the rectangle again}}
    csl.set_rectangle 2, 1
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    // expected-error @below {{expects from 1 to 755 columns and 1170 rows on wse3, got 756 and 1}}
    csl.set_rectangle 756, 1
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    // expected-error @below {{expects a PE inside the rectangle of 2 columns and 1 rows, got column 1, row 1}}
    csl.set_tile_code %1, %1, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    csl.set_color_config %0, %0, %c rx = ramp tx = [#csl<direction east>]
    csl.set_color_config %1, %0, %c rx = west tx = [#csl<direction ramp>]
    // expected-error @below {{configures a colour of column 1, row 0 again}}
    csl.set_color_config %1, %0, %c rx = west tx = [#csl<direction ramp>]
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{sends wavelets of column 0, row 0 to the east, where no PE takes them in on this colour}}
    csl.set_color_config %0, %0, %c rx = ramp tx = [#csl<direction east>]
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{expects wavelets of column 1, row 0 from the west, where no PE sends any on this colour}}
    csl.set_color_config %1, %0, %c rx = west tx = [#csl<direction ramp>]
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{expects at least one direction in 'tx'}}
    csl.set_color_config %0, %0, %c rx = ramp tx = []
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{repeats 'east' in 'tx'}}
    csl.set_color_config %0, %0, %c rx = ramp tx = [#csl<direction east>, #csl<direction east>]
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    csl.set_tile_code %0, %0, @pe with %s
    csl.set_tile_code %1, %0, @pe with %s
    // expected-error @below {{does not belong in a layout block}}
    %z = arith.subi %0, %0 : i16
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    // expected-error @below {{expects @nothing to name a program module}}
    csl.set_tile_code %0, %0, @nothing with %s
    csl.set_tile_code %1, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    %e = csl.struct []
    // expected-error @below {{expects a value for parameter 'p' of @pe}}
    csl.set_tile_code %0, %0, @pe with %e
    csl.set_tile_code %1, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    %e = csl.struct ["p"] (%c : !csl.color)
    // expected-error @below {{expects 'i16' for parameter 'p', got '!csl.color'}}
    csl.set_tile_code %0, %0, @pe with %e
    csl.set_tile_code %1, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    %e = csl.struct ["p", "r"] (%0, %0 : i16, i16)
    // expected-error @below {{gives 'r', which @pe does not declare}}
    csl.set_tile_code %0, %0, @pe with %e
    csl.set_tile_code %1, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse3", sdk = "2.10"> {
  %k = arith.constant 1 : i16
  %st = csl.struct ["width"] (%k : i16)
  %mod = csl.import_module "mod" = "<m>" with %st
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 2, 1
    %0 = arith.constant 0 : i16
    %1 = arith.constant 1 : i16
    %s = csl.struct ["p"] (%0 : i16)
    %i = csl.member_call %mod, "f"() : () -> !csl.struct
    // expected-error @below {{expects 'params' to be a 'csl.struct'}}
    csl.set_tile_code %0, %0, @pe with %i
    csl.set_tile_code %1, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  %p = csl.param "p" : i16
}
csl.module layout @layout target = <"wse2", sdk = "1.4"> {
  %c = csl.get_color "c" = 0
  csl.layout {
    csl.set_rectangle 1, 1
    %0 = arith.constant 0 : i16
    %s = csl.struct ["p"] (%0 : i16)
    // expected-error @below {{expects a program for #csl.target<"wse2", sdk = "1.4">, got one for #csl.target<"wse3", sdk = "2.10">}}
    csl.set_tile_code %0, %0, @pe with %s
  }
}

// -----

csl.module program @pe target = <"wse3", sdk = "2.10"> {
  csl.func @f {
    %1 = builtin.unrealized_conversion_cast to !csl.dsd<mem1d, i16>
    // expected-error @below {{expects descriptors of f32, got '!csl.dsd<mem1d, i16>'}}
    csl.fmovs %1, %1 : !csl.dsd<mem1d, i16>, !csl.dsd<mem1d, i16>
  }
}
