// SPDX-License-Identifier: Apache-2.0
// See host_key.hpp.
#include "agent/evidence/host_key.hpp"

#include "agent/files/durable_file.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace bailiff::agent {

Result<SignatureKey> load_host_key(const std::string& path) {
    const auto text = read_file(path, 65536);
    if (!text) return fail(text.error());
    auto key = SignatureKey::from_private_pem(*text);
    if (!key)
        return fail(Errc::invalid, "The host's key " + path +
                                       " cannot be used: " + key.error().text +
                                       ". Restore it; sets that it signed verify with no other.");
    return key;
}

Result<SignatureKey> load_or_make_host_key(const std::string& path) {
    auto key = load_host_key(path);
    if (key || key.error().code != Errc::not_found) return key;
    std::string seed(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(seed.data()), int(seed.size())) != 1)
        return fail(Errc::unavailable, "OpenSSL has no randomness for the host's key; try again later.");
    auto fresh = SignatureKey::from_seed(seed);
    OPENSSL_cleanse(seed.data(), seed.size());
    if (auto written = write_durably(path, fresh.private_pem(), 0600); !written) return fail(written.error());
    return fresh;
}

}  // namespace bailiff::agent
