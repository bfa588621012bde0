// SPDX-License-Identifier: Apache-2.0
// What a browser sends when a form is handed in: URL-encoded (WHATWG URL §5) or multipart/form-data (RFC 7578). The bytes
// are a stranger's: whatever is ambiguous is refused, everything is bounded, and nothing is copied before it is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace bailiff {

struct FormFile {
    std::string name;    ///< one clean line without folders; "file" when it had none
    std::string bytes;
    friend bool operator==(const FormFile&, const FormFile&) = default;
};

/// A form as it was filled in. Texts are clean (see clean_text.hpp), with `\n` as line end.
struct Form {
    std::map<std::string, std::string, std::less<>> fields;
    std::vector<FormFile> files;   ///< of whatever field; what was not chosen is not here
    bool files_too_large = false;  ///< there were more, or larger ones, than are taken: `files` is empty then, the texts are here
    /// "" when it was not sent.
    std::string text(std::string_view name) const {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string() : found->second;
    }
    friend bool operator==(const Form&, const Form&) = default;
};

struct FormLimits {
    size_t fields = 24;
    size_t field_bytes = 24 * 1024;
    size_t files = 5;
    size_t file_bytes = 5 << 20;   ///< of all files together
};

/// Why a form was not taken, for those who answer each reason in their own words.
enum class FormFault {
    unsupported,      ///< neither of the two encodings
    malformed,        ///< no browser sends this
    text_too_large,
};

/// `content_type` is the request's field, with its boundary.
tl::expected<Form, FormFault> parse_form(std::string_view content_type, std::string_view body, const FormLimits& limits = {});
/// Whether `content_type` names one of the two encodings, before the body is read.
bool is_form(std::string_view content_type);

/// A name that a stranger gave a file, made fit to be shown and offered: the last part of a path, one line, no quotes,
/// nothing that a shell or a header would understand; at most 100 bytes.
std::string clean_file_name(std::string_view name);

}  // namespace bailiff
