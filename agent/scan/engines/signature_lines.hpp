// SPDX-License-Identifier: Apache-2.0
// Reads a folder of ClamAV signatures as text: plain files, and the containers .cvd and .cld. The folder is the host's own and
// trusted; sizes are bounded all the same.
#pragma once

#include <bailiff/result.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace bailiff::agent {

/// What a signature file is to somebody who wants to match its new lines alone.
enum class SignatureKind {
    matching,  ///< a line is a signature by itself: more lines find more, never less ("ndb", "hsb", "ldb" …)
    allowing,  ///< a line takes something away from what is found: fewer lines find more ("fp", "ign2" …)
    fixed,     ///< how contents are taken apart, and whatever is not known here: any change may find more ("ftm", "cbc" …)
    silent,    ///< says nothing about contents ("info")
};

/// By a file's extension, without its dot. Source: ClamAV's documentation of its signature formats.
SignatureKind signature_kind(std::string_view extension);

class SignatureReader {
  public:
    virtual ~SignatureReader() = default;
    /// One line of a matching or allowing file, without its end; comments and empty lines are left out.
    virtual Result<void> line(SignatureKind kind, std::string_view extension, std::string_view text) = 0;
    /// One fixed file as a whole.
    virtual Result<void> file(std::string_view extension, std::string_view content) = 0;
};

/// Hands over every signature of the folder, but for the one by which we prove what clamd has loaded. Errors: `unavailable`
/// when a file cannot be read or is no container of the form that is known, and the reader's own.
Result<void> read_signatures(const std::string& folder, SignatureReader& reader);

}  // namespace bailiff::agent
