// SPDX-License-Identifier: Apache-2.0
// Prometheus's text format. Everything shown is read at the scrape, on the desk's thread, so there is nothing for a
// registry library with its own locks to keep.
#include "controller/api/api.hpp"

#include <fmt/format.h>

namespace bailiff {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += "\\n";
        else if (c == '"' || c == '\\') out += '\\', out += c;
        else out += c;
    }
    return out;
}

}  // namespace

std::string metrics_text(const std::vector<Metric>& metrics) {
    std::string out, last;
    for (const Metric& m : metrics) {
        if (m.name != last) out += "# HELP " + m.name + " " + m.help + "\n# TYPE " + m.name + (m.counter ? " counter\n" : " gauge\n");
        last = m.name;
        std::string labels;
        for (const auto& [label, value] : m.labels) labels += (labels.empty() ? "" : ",") + label + "=\"" + escaped(value) + "\"";
        out += m.name + (labels.empty() ? "" : "{" + labels + "}") + fmt::format(" {}\n", m.value);
    }
    return out;
}

}  // namespace bailiff
