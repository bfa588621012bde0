// SPDX-License-Identifier: Apache-2.0
// openapi.yaml as it was when the program was built.
#pragma once

#include <string_view>

namespace bailiff {

std::string_view openapi_text();

}  // namespace bailiff
