// SPDX-License-Identifier: Apache-2.0
// Lines of the provider's records. They come from a program that may be wrong: each says by itself what is wrong with it.
#include "controller/inventory/who.hpp"
#include "controller/inventory/width.hpp"

#include <bailiff/clean_text.hpp>

#include <charconv>

namespace bailiff {
namespace {

bool take_ports(const std::string& text, AddressSpan& span) {
    const size_t hyphen = text.find('-');
    const auto number = [](std::string_view digits, int64_t& out) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
        return error == std::errc() && end == digits.data() + digits.size() && out >= 1 && out <= last_port_there_is;
    };
    const std::string_view all(text);
    if (hyphen == std::string::npos) return number(all, span.first_port) && number(all, span.last_port);
    return number(all.substr(0, hyphen), span.first_port) && number(all.substr(hyphen + 1), span.last_port) && span.first_port <= span.last_port;
}

std::string all_mistakes(const std::vector<Mistake>& mistakes) {
    std::string out;
    for (const auto& mistake : mistakes) out += (out.empty() ? "" : "; ") + (mistake.pointer.empty() ? "" : mistake.pointer.substr(1) + " ") + mistake.text;
    return out;
}

}  // namespace

Result<AddressSpan> span_from(const Json& row, AddressSource source, Instant now) {
    std::vector<Mistake> mistakes;
    JsonReader read(row, mistakes);
    AddressSpan out;
    out.source = source;
    out.learned_at = now;
    const std::string address = read.text("address", 64), vm = read.text("vm", 256), ports = read.optional_text("ports", 16);
    out.from = read.instant("from");
    if (const Json* to = read.value("to", false); to && !to->is_null() && *to != Json("")) out.until = read.instant("to");
    out.customer = CustomerId(clean_line(read.optional_text("customer", 128), 128));
    read.finish();
    if (!address.empty()) {
        const auto prefix = parse_prefix(address);
        if (!prefix) read.mistake("address", prefix.error().text);
        else if (!fits_one_vm(*prefix)) read.mistake("address", "'" + address + "' is too wide for one VM; " + widest_of_one_vm);
        else out.prefix = *prefix;
    }
    if (is_uuid(vm)) out.vm = VmId(vm);
    else out.vm_name = clean_line(vm, 256);
    if (!ports.empty() && !take_ports(ports, out)) read.mistake("ports", "'" + ports + "' are no ports; write 40000-40999");
    if (out.until && *out.until <= out.from) read.mistake("to", "is not after from");
    if (!mistakes.empty()) return fail(Errc::invalid, all_mistakes(mistakes));
    return out;
}

}  // namespace bailiff
