// SPDX-License-Identifier: Apache-2.0
// How an operation says that it did not succeed: a Result the caller must decide on.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace bailiff {

/// A code exists only if somebody reacts to it differently; the HTTP status is a table over these six.
enum class Errc {
    not_found,        ///< what was named does not exist
    conflict,         ///< somebody else changed it meanwhile; read again
    invalid,          ///< the input is wrong; the text names field and remedy
    forbidden,        ///< understood, and refused
    unavailable,      ///< not now: a disk, database, peer or hypervisor does not answer; try again later
    unknown_outcome,  ///< it may have happened; look before acting again
};

/// An outcome the caller must decide on. `text` is a whole sentence that names the remedy.
struct Error {
    Errc code;
    std::string text;
    friend bool operator==(const Error&, const Error&) = default;
};

/// Outages that nobody here can mend are exceptions; our own bugs are assertions; everything else is a Result.
template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(Errc::invalid, "…");` from any function that returns a Result.
inline tl::unexpected<Error> fail(Errc code, std::string text) {
    return tl::unexpected<Error>(Error{code, std::move(text)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace bailiff
