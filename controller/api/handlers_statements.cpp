// SPDX-License-Identifier: Apache-2.0
// Files that customers sent with their statements, and those that staff added: for staff, and only to be saved.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <bailiff/dsse.hpp>

#include <charconv>

namespace bailiff {
namespace {

/// As much as a customer may send with an answer. In base64 it fits into a body, whose limit stands in api.cpp.
constexpr size_t largest_file = 5 << 20;

Json file_json(const Attachment& file, const core::Calendar* calendar) {
    Json out{{"number", file.number}, {"name", file.name}, {"size", file.size}, {"sha256", file.sha256}};
    if (!file.by.empty()) out["by"] = file.by;
    put_instant(out, "at", file.at, calendar);
    return out;
}

}  // namespace

HttpResponse list_files(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    const auto c = call.storage().find_case(id);
    if (!c) return problem(404, "There is no case " + id.text() + "; GET /api/v1/cases lists those there are.");
    Json items = Json::array();
    for (const auto& file : call.storage().attachments_of(id)) items.push_back(file_json(file, calendar_of(call.desk, *c)));
    return json_answer(200, {{"items", std::move(items)}});
}

HttpResponse add_file(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    Attachment file;
    file.name = read.text("name", 100);
    const std::string content = read.text("content", largest_file * 4 / 3 + 4);
    const std::string reason = read.text("reason");
    read.finish();
    auto bytes = unbase64(content);
    if (!content.empty() && !bytes) read.mistake("content", "must be the file's bytes in base64: " + bytes.error().text);
    if (!mistakes.empty()) return problem(mistakes);
    file.bytes = std::move(*bytes);
    const CaseId id(call.values[0]);
    const auto kept = call.desk.attach(id, std::move(file), reason, call.actor());
    if (!kept) return problem(kept.error());
    const auto c = call.storage().find_case(id);
    return json_answer(201, file_json(*kept, c ? calendar_of(call.desk, *c) : nullptr));
}

/// The bytes may be a stranger's. Whatever they are, no browser is to show or run them: a type that says nothing, a name to
/// save under that cannot be a folder, and a policy that lets nothing be loaded from it.
HttpResponse fetch_file(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    const std::string& wanted = call.values[1];
    int64_t number = 0;
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    auto file = error == std::errc{} && end == wanted.data() + wanted.size() ? call.storage().find_attachment(id, number) : std::nullopt;
    if (!file)
        return problem(404, "There is no file " + wanted + " in case " + id.text() + "; GET /api/v1/cases/" + id.text() + "/files lists those there are.");
    if (file->bytes.empty() && file->size > 0)
        return problem(410, "The bytes of file " + wanted + " of case " + id.text() + " are gone: they were over the time that --keep-files gives them.");
    HttpResponse out{200, {{"Content-Type", "application/octet-stream"}}, std::move(file->bytes)};
    out.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + id.text() + "-" + std::to_string(number) + ".bin\"");
    out.headers.emplace_back("Content-Security-Policy", "default-src 'none'; sandbox");
    return out;
}

}  // namespace bailiff
