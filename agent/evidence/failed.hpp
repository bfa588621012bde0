// SPDX-License-Identifier: Apache-2.0
// A system call that did not succeed, as an Error.
#pragma once

#include <bailiff/result.hpp>

#include <cstring>
#include <string>

namespace bailiff::agent {

/// `doing` completes "Cannot …"; `error` is errno's value.
inline tl::unexpected<Error> failed(const std::string& doing, int error) {
    return fail(Errc::unavailable, "Cannot " + doing + ": " + std::strerror(error) + ".");
}

}  // namespace bailiff::agent
