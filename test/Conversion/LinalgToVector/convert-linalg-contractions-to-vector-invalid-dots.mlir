// RUN: plait-opt --convert-linalg-contractions-to-vector=dots=fp8 --verify-diagnostics %s

// expected-error @below {{expects 'dots' of 'bf16', 'i8', 'bf16,i8', 'none' or 'host', got 'fp8'}}
module {}
