// SPDX-License-Identifier: Apache-2.0
// Copyright notices (ACNS 1.x and 2) and Google's Safe Browsing reports: small XML, often in the middle of a mail's text
// and damaged by mail programs. So its elements are looked for by name instead of parsing a document; nothing is expanded,
// fetched or nested.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"
#include "controller/intake/text_encoding.hpp"

#include <bailiff/clean_text.hpp>

namespace bailiff {
namespace {

struct Element {
    std::string_view attributes, content;
    size_t end = 0;  ///< behind it, in the text that was searched
};

/// Whether `mark` ("<", "</") stands right before the name at `at`, a short namespace prefix aside; where it does, its place.
std::optional<size_t> mark_before(std::string_view lower, size_t at, std::string_view mark) {
    if (at >= mark.size() && lower.substr(at - mark.size(), mark.size()) == mark) return at - mark.size();
    if (at < 2 || lower[at - 1] != ':') return std::nullopt;
    for (size_t back = 2; back <= 20 && back <= at; ++back) {
        const char c = lower[at - back];
        if (c == mark.back()) {
            const size_t begin = at - back + 1;  // behind the mark
            if (begin < mark.size() || lower.substr(begin - mark.size(), mark.size()) != mark) return std::nullopt;
            return begin - mark.size();
        }
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-') return std::nullopt;
    }
    return std::nullopt;
}

/// The next element of this name (lower case; a namespace prefix does not matter) from `from` on. `lower` is the text in
/// lower case, of the same length.
std::optional<Element> element(std::string_view text, std::string_view lower, std::string_view name, size_t from = 0) {
    for (size_t at = lower.find(name, from); at != std::string_view::npos; at = lower.find(name, at + 1)) {
        const size_t behind = at + name.size();
        if (behind >= lower.size() || std::string_view(" \t\r\n/>").find(lower[behind]) == std::string_view::npos || !mark_before(lower, at, "<")) continue;
        const size_t close = lower.find('>', behind);
        if (close == std::string_view::npos) return std::nullopt;
        Element out;
        out.attributes = text.substr(behind, close - behind);
        out.end = close + 1;
        if (lower[close - 1] == '/') return out;
        // Without its end tag it is what is left of the text.
        size_t stop = text.size();
        out.end = text.size();
        for (size_t tag = lower.find(name, close); tag != std::string_view::npos; tag = lower.find(name, tag + 1))
            if (const auto mark = mark_before(lower, tag, "</")) {
                stop = *mark;
                out.end = tag + name.size();
                break;
            }
        out.content = text.substr(close + 1, stop - close - 1);
        return out;
    }
    return std::nullopt;
}

/// An element's plain text, entities and CDATA undone.
std::string text_in(std::string_view xml, std::string_view name, size_t most = 300) {
    xml = xml.substr(0, 64 * 1024);
    const auto found = element(xml, lower_case(xml), name);
    if (!found) return {};
    std::string_view content = found->content;
    if (const size_t cdata = content.find("<![CDATA["); cdata != std::string_view::npos) {
        content.remove_prefix(cdata + 9);
        content = content.substr(0, content.find("]]>"));
    }
    return clean_line(text_of_html(content.substr(0, 4096)), most);
}

std::string attribute(std::string_view attributes, std::string_view name) {
    const std::string lower = lower_case(attributes);
    for (size_t at = lower.find(name); at != std::string::npos; at = lower.find(name, at + 1)) {
        size_t value = at + name.size();
        if ((at > 0 && std::string_view(" \t\r\n").find(lower[at - 1]) == std::string_view::npos) || value + 1 >= lower.size() || lower[value] != '=') continue;
        const char quote = lower[++value];
        if (quote != '"' && quote != '\'') continue;
        const size_t end = attributes.find(quote, value + 1);
        return end == std::string_view::npos ? std::string() : clean_line(text_of_html(attributes.substr(value + 1, end - value - 1)), 2048);
    }
    return {};
}

/// What shared the work, in XARF's words.
std::string copyright_type(const std::string& type, const std::string& base) {
    const std::string all = lower_case(type + " " + base);
    for (const char* word : {"torrent", "p2p", "edonkey", "gnutella", "ares", "kad"})
        if (all.find(word) != std::string::npos) return "p2p";
    return all.find("usenet") != std::string::npos || all.find("nntp") != std::string::npos ? "usenet" : "copyright";
}

void read_infringement(std::string_view xml, ParsedReport& report) {
    const std::string lower = lower_case(xml);
    const auto part = [&](const char* name) {
        const auto found = element(xml, lower, name);
        return found ? found->content.substr(0, 64 * 1024) : std::string_view();
    };
    const std::string_view item = part("item"), complainant = part("complainant");
    if (report.reporter.name.empty()) report.reporter.name = text_in(complainant, "entity");
    if (report.reporter.contact.empty()) report.reporter.contact = text_in(complainant, "email");
    size_t sources = 0;
    // One notice can name several sources: those are several events under one number.
    for (auto source = element(xml, lower, "source"); source && sources < 200; source = element(xml, lower, "source", source->end), ++sources) {
        ReportedEvent event;
        event.category = "copyright";
        event.category_raw = "Infringement";
        event.type_raw = text_in(source->content, "type", 60);
        const auto subtype = element(source->content, lower_case(source->content), "subtype");
        event.type = copyright_type(event.type_raw, subtype ? attribute(subtype->attributes, "basetype") : "");
        event.report_id = text_in(part("case"), "id", 200);
        event.summary = text_in(item, "title");
        for (const char* name : {"ip_address", "dns_name", "url", "url_base"}) {
            const std::string place = text_in(source->content, name, 2048);
            if (!place.empty() && (event.source.url.empty() || !looks_like_url(place))) place_identifier(place, event.source);
        }
        const std::string url = text_in(item, "url", 2048);
        if (event.source.url.empty() && looks_like_url(url)) event.source.url = url;
        complete_from_url(event.source);
        if (const auto port = read_port(text_in(source->content, "port", 10))) event.source.port = port;
        std::string time = text_in(source->content, "timestamp", 60);
        if (time.empty()) time = text_in(item, "timestamp", 60);
        read_observed_at(time, event, report.warnings);
        for (const char* name : {"title", "filename", "hash"})
            if (auto value = text_in(item, name); !value.empty()) event.details.emplace_back(name, std::move(value));
        if (event.source == ReportedPlace{}) need_a_person(report, "The notice names no source address; find the machine by hand.");
        if (!event.observed_at) warn(report, "The report does not say when it was observed.");
        report.events.push_back(std::move(event));
    }
    if (sources == 0) need_a_person(report, "The copyright notice names no source; find the machine by hand.");
}

void read_safe_browsing(std::string_view xml, ParsedReport& report) {
    const std::string lower = lower_case(xml);
    const auto message = element(xml, lower, "notification_message");
    const std::string date = attribute(message->attributes, "date");
    for (auto list = element(xml, lower, "list"); list; list = element(xml, lower, "list", list->end)) {
        const std::string type = attribute(list->attributes, "type"), inside = lower_case(list->content);
        const auto next = [&](size_t from) { return element(list->content, inside, "url_info", from); };
        for (auto info = next(0); info && report.events.size() < 20'000; info = next(info->end)) {
            ReportedEvent event;
            event.category = event.category_raw = "content";
            event.type_raw = type;
            event.type = type == "0" ? "remote_compromise" : type == "1" ? "phishing" : "malware";
            std::string url = attribute(info->attributes, "url");
            if (!url.empty() && !looks_like_url(url)) url = "http://" + url;
            event.source.url = url;
            if (const auto ip = read_address(attribute(info->attributes, "ip"))) event.source.ip = *ip;
            complete_from_url(event.source);
            event.observed_at_raw = date;
            event.summary = "listed by Google Safe Browsing";
            report.events.push_back(std::move(event));
        }
    }
    warn(report, "The report says the day" + (date.empty() ? std::string() : " (" + date + ")") + " of observation, not the time.");
    if (report.events.empty()) need_a_person(report, "The Safe Browsing report lists no address; look at the original.");
}

}  // namespace

bool read_xml(std::string_view text, ParsedReport& report) {
    text = text.substr(0, 4u << 20);
    if (text.find('<') == std::string_view::npos) return false;
    const std::string lower = lower_case(text);
    if (element(text, lower, "notification_message")) {
        report.format = "safe-browsing";
        read_safe_browsing(text, report);
        return true;
    }
    bool found = false;
    size_t notices = 0;
    for (auto notice = element(text, lower, "infringement"); notice && notices < 200; notice = element(text, lower, "infringement", notice->end), ++notices) {
        const std::string inside = lower_case(notice->content);
        // An element of that name alone is no notice; ACNS has a case or a source in it.
        if (!element(notice->content, inside, "source") && !element(notice->content, inside, "case")) continue;
        if (!found) report.format = "acns";
        found = true;
        read_infringement(notice->content, report);
    }
    return found;
}

}  // namespace bailiff
