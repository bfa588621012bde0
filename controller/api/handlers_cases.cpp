// SPDX-License-Identifier: Apache-2.0
// Cases: list, detail, history, every act, the call queue and the stream of changes.
#include "controller/api/acts.hpp"
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

namespace bailiff {
namespace {

HttpResponse with_etag(HttpResponse response, int64_t revision) {
    response.headers.emplace_back("ETag", etag_of(revision));
    return response;
}

HttpResponse no_such_case(const std::string& id) {
    return problem(404, "There is no case " + id + "; GET /api/v1/cases lists those there are.");
}

/// Whoever logs a call without saying whom he phoned has phoned whom the queue named.
bool complete_call(Desk& desk, const core::Case& c, core::LogCall& call) {
    if (call.contact.empty() && call.number.empty()) {
        const auto view = desk.view(c.id);
        const auto sheet = view ? desk.call_sheet(c, view->dues) : std::nullopt;
        const core::Contact& phoned = sheet ? sheet->contact : c.contact;
        call.contact = phoned.name;
        call.number = phoned.phone;
        return !sheet || !call.number.empty();
    }
    for (const auto& one : desk.contacts(c.customer)) {
        if (call.number.empty() && one.contact.name == call.contact) call.number = one.contact.phone;
        if (call.contact.empty() && plain_number(one.contact.phone) == plain_number(call.number)) call.contact = one.contact.name;
    }
    if (call.contact.empty()) call.contact = c.contact.name;
    if (call.number.empty()) call.number = c.contact.phone;
    return true;
}

}  // namespace

HttpResponse list_cases(ApiCall& call) {
    QueryReader query(call.request);
    CaseFilter filter;
    filter.phase = query.word<core::Phase>("phase");
    filter.open_only = query.boolean("open");
    filter.vm = VmId(query.id("vm"));
    filter.customer = CustomerId(query.text("customer"));
    filter.assignee = query.text("assignee");
    filter.before = CaseId(query.cursor());
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    filter.limit = limit + 1;
    std::vector<Json> items;
    for (const auto& c : call.storage().list_cases(filter)) items.push_back(case_line_json(call.desk, c));
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_case(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto view = call.desk.view(CaseId(call.values[0]));
    if (!view) return problem(view.error());
    return with_etag(json_answer(200, case_json(call.desk, *view)), view->c.revision);
}

HttpResponse case_history(ApiCall& call) {
    QueryReader query(call.request);
    const int64_t after = query.integer("cursor", 0, int64_t{1} << 53, 0);
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    const auto found = call.storage().find_case(id);
    if (!found) return no_such_case(id.text());
    std::vector<Json> items;
    for (const auto& item : call.storage().history(id, after, limit + 1))
        items.push_back(history_item_json(item, calendar_of(call.desk, *found)));
    return page_answer(std::move(items), limit, "revision");
}

HttpResponse act_on_case(ApiCall& call) {
    const Act* act = find_act(std::string_view(call.request.path).substr(call.request.path.rfind('/') + 1));
    if (!act) return problem(404, "This act is not known.");
    const CaseId id(call.values[0]);
    const auto found = call.storage().find_case(id);
    if (!found) return no_such_case(id.text());
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    core::Input input = act->parse(read, *found);
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    if (auto* logged = std::get_if<core::LogCall>(&input); logged && !complete_call(call.desk, *found, *logged))
        return problem(422, "No number is on file that is not known to be wrong; say with number which one was phoned.");
    if (const Role needed = role_for(input); !call.may(needed))
        return problem(403, "This decision takes the role " + std::string(name(needed)) + "; ask an approver.");
    if (!if_match(call.request, found->revision))
        return with_etag(problem(412, "The case changed since you looked: it is at revision " + std::to_string(found->revision) +
                                          "; read it again and decide anew."),
                         found->revision);
    const auto view = call.desk.act(id, input, call.actor());
    if (!view) return problem(view.error());
    return with_etag(json_answer(200, case_json(call.desk, *view)), view->c.revision);
}

HttpResponse list_calls(ApiCall& call) {
    QueryReader query(call.request);
    CaseId after(query.cursor());
    const bool later = query.boolean("later");
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    // The queue names who may wait; whether somebody does follows from the whole case. A turn looks at a bounded number of
    // them; the page may then be short or empty and still have a next one.
    constexpr size_t most_looked_at = 600;
    Json items = Json::array();
    for (size_t looked_at = 0; looked_at < most_looked_at;) {
        const auto cases = call.storage().calls(after, limit);
        for (const auto& c : cases) {
            after = c.id;
            ++looked_at;
            const auto* policy = call.desk.policies().find(c.policy, c.policy_revision);
            const auto* calendar = calendar_of(call.desk, c);
            if (!policy || !calendar) continue;
            const auto sheet = call.desk.call_sheet(c, core::owed(c, *policy, *calendar));
            // Behind the first that is promised for later stand only such.
            if (sheet && sheet->since > call.desk.now() && !later) return json_answer(200, {{"items", items}});
            if (sheet) items.push_back(call_due_json(call.desk, c, *sheet));
            if (items.size() == limit) return json_answer(200, {{"items", items}, {"next", c.id.text()}});
        }
        if (cases.size() < limit) return json_answer(200, {{"items", items}});
    }
    return json_answer(200, {{"items", items}, {"next", after.text()}});
}

HttpResponse stream_changes(ApiCall& call) {
    QueryReader query(call.request);
    const CaseId only(query.id("case"));
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    Feed& feed = *call.parts.feed;
    if (!feed.room()) return problem(503, "Too many listen to the changes already; close one, or try again later.");
    call.take_over = [&feed, only, last = std::string(call.request.header("last-event-id"))](const Respond& respond) {
        feed.listen(respond.stream(), last, only);
    };
    return {200, {}, {}};
}

}  // namespace bailiff
