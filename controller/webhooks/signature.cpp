// SPDX-License-Identifier: Apache-2.0
#include "controller/webhooks/signature.hpp"

#include <bailiff/dsse.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>

namespace bailiff {

std::string webhook_signature(std::string_view key, std::string_view id, Instant at, std::string_view body) {
    const std::string text = std::string(id) + "." + std::to_string(at.time_since_epoch().count()) + "." + std::string(body);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (!::HMAC(EVP_sha256(), key.data(), int(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &length)) throw std::bad_alloc();
    return "v1," + base64({reinterpret_cast<const char*>(digest), length});
}

}  // namespace bailiff
