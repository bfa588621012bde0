// SPDX-License-Identifier: Apache-2.0
// See keep_key.hpp.
#include "agent/keep_key.hpp"

#include "agent/files/durable_file.hpp"

namespace bailiff::agent {
namespace {

constexpr size_t longest_keep_key = 65536;

Result<SealingKey> sealing_key_in(const std::string& path) {
    const auto pem = read_file(path, longest_keep_key);
    if (!pem) return fail(pem.error());
    auto key = SealingKey::from_public_pem(*pem);
    if (!key) return fail(key.error().code, path + ": " + key.error().text + ".");
    return key;
}

}  // namespace

Result<UnsealingKey> load_own_unsealing_key(const Options& options) {
    const auto pem = read_file(options.own_keep_key(), longest_keep_key);
    if (!pem) return fail(pem.error());
    auto key = UnsealingKey::from_private_pem(*pem);
    if (!key) return fail(Errc::invalid, options.own_keep_key() + ": " + key.error().text + ". Restore it; what was sealed for it opens with no other.");
    return key;
}

Result<KeepKey> load_or_make_keep_key(const Options& options) {
    if (!options.keep_key.empty()) {
        const auto named = sealing_key_in(options.keep_key);
        if (!named) return fail(named.error());
        return KeepKey{options.keep_key, false};
    }
    const KeepKey own{options.own_keep_key_public(), true};
    auto key = load_own_unsealing_key(options);
    if (!key && key.error().code != Errc::not_found) return fail(key.error());
    if (const auto there = sealing_key_in(own.path)) {
        // Both halves must be of one pair, or nobody could open what is sealed.
        if (!key || key->public_half().raw() == there->raw()) return own;
    } else if (there.error().code != Errc::not_found && !key) {
        return fail(there.error());
    }
    if (!key) {
        key = UnsealingKey::make();
        if (auto written = write_durably(options.own_keep_key(), key->private_pem(), 0600); !written) return fail(written.error());
    }
    if (auto written = write_durably(own.path, key->public_half().public_pem(), 0644); !written) return fail(written.error());
    return own;
}

}  // namespace bailiff::agent
