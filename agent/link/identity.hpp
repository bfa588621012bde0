// SPDX-License-Identifier: Apache-2.0
// The host's key and certificate on disk.
#pragma once

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <string>
#include <sys/types.h>

namespace bailiff::agent {

/// A fresh P-256 key and a request that proves it. The request names nothing: the controller decides who we are.
struct KeyAndRequest {
    std::string key_pem;
    std::string request_pem;
};
KeyAndRequest make_key_and_request();

struct CertificateLife {
    Instant begins{}, ends{};
    Instant half() const { return begins + (ends - begins) / 2; }
};
/// Of the first certificate in a PEM file; `not_found` when there is none.
Result<CertificateLife> certificate_life(const std::string& file);

/// Whole or not at all, durable, with exactly this mode from its first byte on.
Result<void> write_whole(const std::string& path, const std::string& text, mode_t mode);

}  // namespace bailiff::agent
