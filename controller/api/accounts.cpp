// SPDX-License-Identifier: Apache-2.0
// Tokens are long enough that a plain hash protects them: there is nothing to guess.
#include "controller/api/accounts.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff {

std::string new_token(Random& random) { return "bailiff_" + random.hex128() + random.hex128(); }

std::optional<std::string> ensure_first_account(Storage& storage, Random& random) {
    std::optional<std::string> token;
    const auto done = storage.transaction([&]() -> Result<void> {
        if (!storage.accounts().empty()) return {};
        token = new_token(random);
        storage.put_account({"admin", Role::admin, sha256_hex(*token), false});
        return {};
    });
    if (!done) token.reset();
    return token;
}

}  // namespace bailiff
