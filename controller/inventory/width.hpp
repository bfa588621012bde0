// SPDX-License-Identifier: Apache-2.0
// How wide a prefix one VM may have.
#pragma once

#include "controller/inventory/address.hpp"

namespace bailiff {

/// Whole providers are no VM: a slip such as 128.0.0.0/2 must not make one VM answer for a quarter of the Internet.
inline bool fits_one_vm(const Prefix& prefix) { return prefix.length >= (is_v4(prefix.network) ? 96 + 16 : 32); }
inline constexpr const char* widest_of_one_vm = "/16 is the widest of IPv4, /32 of IPv6";

}  // namespace bailiff
