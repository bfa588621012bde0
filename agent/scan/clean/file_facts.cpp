// SPDX-License-Identifier: Apache-2.0
// See file_facts.hpp.
#include "agent/scan/clean/file_facts.hpp"

#include <utility>

namespace bailiff::agent {
namespace {

constexpr std::pair<const char*, std::optional<int64_t> FileFacts::*> fields[] = {
    {"mode", &FileFacts::mode},   {"uid", &FileFacts::uid},     {"gid", &FileFacts::gid},    {"links", &FileFacts::links},
    {"mtime", &FileFacts::mtime}, {"ctime", &FileFacts::ctime}, {"atime", &FileFacts::atime}};

}  // namespace

Json to_json(const FileFacts& facts) {
    Json out{{"inode", facts.inode}};
    for (const auto& [field, member] : fields)
        if (facts.*member) out[field] = *(facts.*member);
    return out;
}

FileFacts facts_of(const Json& json) {
    FileFacts out;
    if (!json.is_object()) return out;
    if (const auto inode = json.find("inode"); inode != json.end() && inode->is_number_unsigned()) out.inode = inode->get<uint64_t>();
    for (const auto& [field, member] : fields)
        if (const auto value = json.find(field); value != json.end() && value->is_number_integer() &&
                                                 (!value->is_number_unsigned() || value->get<uint64_t>() <= uint64_t{INT64_MAX}))
            out.*member = value->get<int64_t>();
    return out;
}

}  // namespace bailiff::agent
