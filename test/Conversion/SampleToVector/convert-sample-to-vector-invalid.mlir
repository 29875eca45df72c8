// RUN: plait-opt --convert-sample-to-vector=vector-bits=100 --verify-diagnostics %s

// expected-error @below {{expects 'vector-bits' of 128, 256 or 512, got 100}}
module {}
