#include "plait/Conversion/Passes.h"
