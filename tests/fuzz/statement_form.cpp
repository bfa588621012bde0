// SPDX-License-Identifier: Apache-2.0
// What a browser may send to the customers' page: the first line is the content type, the rest the body. Bounds hold
// whatever comes, and what was read is clean.

#include "controller/web/form.hpp"

#include <bailiff/clean_text.hpp>

#include <cstdlib>

using namespace bailiff;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const size_t line = std::min(input.find('\n'), input.size());
    const std::string_view type = input.substr(0, line), body = input.substr(std::min(line + 1, input.size()));
    const FormLimits limits{4, 200, 2, 300};
    const auto form = parse_form(type, body, limits);
    if (!form) return 0;
    if (!is_form(type) || form->fields.size() > limits.fields || form->files.size() > limits.files) std::abort();
    size_t bytes = 0;
    for (const auto& file : form->files) {
        bytes += file.bytes.size();
        if (file.name.empty() || file.name.size() > 100 || clean_file_name(file.name) != file.name) std::abort();
    }
    if (bytes > limits.file_bytes) std::abort();
    for (const auto& [name, text] : form->fields)
        if (name.size() > 64 || text.size() > limits.field_bytes || clean_block(text, limits.field_bytes) != text) std::abort();
    return 0;
}
