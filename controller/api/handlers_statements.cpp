// SPDX-License-Identifier: Apache-2.0
// Files that customers sent with their statements: for staff, and only to be saved.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <charconv>

namespace bailiff {

HttpResponse list_files(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    const auto c = call.storage().find_case(id);
    if (!c) return problem(404, "There is no case " + id.text() + "; GET /api/v1/cases lists those there are.");
    Json items = Json::array();
    for (const auto& file : call.storage().attachments_of(id)) {
        Json item{{"number", file.number}, {"name", file.name}, {"size", file.size}, {"sha256", file.sha256}};
        put_instant(item, "at", file.at, calendar_of(call.desk, *c));
        items.push_back(std::move(item));
    }
    return json_answer(200, {{"items", std::move(items)}});
}

/// The bytes are a stranger's. Whatever they are, no browser is to show or run them: a type that says nothing, a name to
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
