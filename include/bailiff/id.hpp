// SPDX-License-Identifier: Apache-2.0
// Identifiers that cannot be mixed up: a CaseId is no VmId, though both are texts.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace bailiff {

/// A text with a type. Empty means "none".
template <class Tag>
class Id {
  public:
    Id() = default;
    explicit Id(std::string text) : text_(std::move(text)) {}
    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    friend auto operator<=>(const Id&, const Id&) = default;

  private:
    std::string text_;
};

using CaseId = Id<struct CaseTag>;          ///< "C-17": short, since people say it on the phone
using ReportId = Id<struct ReportTag>;      ///< "R-17"
using CustomerId = Id<struct CustomerTag>;  ///< the provider's own customer number
using PolicyId = Id<struct PolicyTag>;      ///< "virus-content": the policy file's name
using VmId = Id<struct VmTag>;              ///< the VM's UUID, lower case, with hyphens
using HostId = Id<struct HostTag>;          ///< the name that the controller gave the host at enrolment
using OrderId = Id<struct OrderTag>;        ///< 128 random bits, hex
using JobId = Id<struct JobTag>;            ///< 128 random bits, hex
using MessageId = Id<struct MessageTag>;    ///< a frame's id, chosen by its sender
using EvidenceId = Id<struct EvidenceTag>;  ///< names an evidence set: "<case>-<job>"

/// Whether `text` is a UUID in lower case with hyphens, as libvirt prints it.
inline bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = text[i];
        if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

/// Whether `text` is `count` lower-case hex digits.
inline bool is_hex(std::string_view text, size_t count) {
    if (text.size() != count) return false;
    for (const char c : text)
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    return true;
}

/// Whether `text` can be a host's, policy's or case's name: 1 to 64 of [A-Za-z0-9._-], not beginning with a dot.
inline bool is_name(std::string_view text) {
    if (text.empty() || text.size() > 64 || text[0] == '.') return false;
    for (const char c : text)
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-'))
            return false;
    return true;
}

}  // namespace bailiff

template <class Tag>
struct std::hash<bailiff::Id<Tag>> {
    size_t operator()(const bailiff::Id<Tag>& id) const { return std::hash<std::string>{}(id.text()); }
};
