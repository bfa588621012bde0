// SPDX-License-Identifier: Apache-2.0
// What customers hand in on the page of their case, and the addresses under which they reach it.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <cstdlib>

namespace bailiff {

namespace {

/// What the hash-chained history says beside the answer itself: to what was agreed, and which files came with it.
std::string note_of(const Statement& in, const std::vector<Attachment>& files, Instant now) {
    std::string out;
    if (!in.consent.empty()) out = "Consent given on the page at " + format_rfc3339(now) + " from " + in.peer + ": \"" + in.consent + "\"";
    for (const auto& file : files)
        out += (out.empty() ? "" : "; ") + std::string("File ") + std::to_string(file.number) + " came with the statement: " + file.name + ", " +
               std::to_string(file.size) + " bytes, SHA-256 " + file.sha256;
    return out;
}

bool treatable(core::Phase phase) { return phase == core::Phase::open || phase == core::Phase::answered || phase == core::Phase::sanctioned; }

}  // namespace

std::optional<std::string> Desk::new_page_address(const core::Case& c, const core::NoticeDue& due) {
    if (options_.page_url.empty() || due.audience != core::Audience::customer || c.phase == core::Phase::closed) return std::nullopt;
    const std::string token = ports_.random.hex128() + ports_.random.hex128();
    ports_.storage.put_page_token({sha256_hex(token), c.id, due.key, now()});
    return options_.page_url + std::string(page_path) + token;
}

Result<StatementTaken> Desk::take_statement(const Statement& in) {
    StatementTaken out;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        Storage& storage = ports_.storage;
        const std::string giver = "page/" + in.case_id.text();
        if (const auto kept = storage.recall(giver, in.key)) {
            out = {std::strtoll(kept->c_str(), nullptr, 10), true};
            return {};
        }
        const auto c = storage.find_case(in.case_id);
        if (!c) return fail(Errc::not_found, "There is no case " + in.case_id.text() + ".");
        if (c->phase == core::Phase::closed) return fail(Errc::conflict, "Case " + c->id.text() + " is closed.");
        if (in.reply.kind == core::ReplyKind::fix_request) {
            if (in.consent.empty()) return fail(Errc::invalid, "A fix that is charged needs the customer's consent.");
            if (!treatable(c->phase))
                return fail(Errc::forbidden, "Case " + c->id.text() + " is " + std::string(name(c->phase)) + ": nothing is to be charged now.");
        }
        if (std::count_if(c->replies.begin(), c->replies.end(), [](const core::Reply& r) { return r.channel == core::Channel::page; }) >= most_statements)
            return fail(Errc::forbidden, "Case " + c->id.text() + " has had " + std::to_string(most_statements) + " statements; answer the mail.");
        std::vector<Attachment> files = in.files;
        const auto before = storage.attachments_of(in.case_id);
        int64_t bytes = 0;
        for (const auto& file : before) bytes += file.size;
        for (size_t i = 0; i < files.size(); ++i) {
            Attachment& file = files[i];
            file.case_id = in.case_id;
            file.number = int64_t(before.size() + i + 1);
            file.sha256 = sha256_hex(file.bytes);
            file.size = int64_t(file.bytes.size());
            file.at = now();
            bytes += file.size;
        }
        if (int64_t(before.size() + files.size()) > most_files || bytes > most_file_bytes)
            return fail(Errc::forbidden, "Case " + c->id.text() + " holds as many files as it takes; answer the mail.");
        core::Reply reply = in.reply;
        reply.channel = core::Channel::page;
        const auto acted = act(in.case_id, core::RecordReply{reply}, "customer");
        if (!acted) return fail(acted.error());
        for (const auto& file : files) storage.put_attachment(file);
        if (const std::string note = note_of(in, files, now()); !note.empty()) {
            const auto noted = act(in.case_id, core::AddNote{note}, "customer");
            if (!noted) return fail(noted.error());
        }
        // The first fact of an answer is the answer.
        out = {c->revision + 1, false};
        storage.remember(giver, in.key, std::to_string(out.revision), now());
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

}  // namespace bailiff
