// SPDX-License-Identifier: Apache-2.0
// What customers hand in on the page of their case, the addresses under which they reach it, and files that staff adds.

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

/// What one side has put to the case: neither uses up what the other may.
struct FilesOfOneSide { int64_t count = 0, bytes = 0; };
FilesOfOneSide files_of(const std::vector<Attachment>& files, bool of_staff) {
    FilesOfOneSide out;
    for (const auto& file : files)
        if (file.by.empty() != of_staff) ++out.count, out.bytes += file.size;
    return out;
}

/// What is handed in on the page of a case counts once for each key, however often the form is sent. `take` gets the case as it stands
/// before; the first fact that comes of it is what was handed in.
template <class Take>
Result<StatementTaken> once_by_page(Storage& storage, const CaseId& id, const std::string& key, Instant now, Take take) {
    StatementTaken out;
    const auto done = storage.transaction([&]() -> Result<void> {
        const std::string giver = "page/" + id.text();
        if (const auto kept = storage.recall(giver, key)) {
            out = {std::strtoll(kept->c_str(), nullptr, 10), true};
            return {};
        }
        const auto c = storage.find_case(id);
        if (!c) return fail(Errc::not_found, "There is no case " + id.text() + ".");
        if (const Result<void> taken = take(*c); !taken) return fail(taken.error());
        out = {c->revision + 1, false};
        storage.remember(giver, key, std::to_string(out.revision), now);
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

bool treatable(core::Phase phase) { return phase == core::Phase::open || phase == core::Phase::answered || phase == core::Phase::sanctioned; }

}  // namespace

std::optional<std::string> Desk::new_page_address(const core::Case& c, const core::NoticeDue& due) {
    if (options_.page_url.empty() || due.audience != core::Audience::customer || c.phase == core::Phase::closed) return std::nullopt;
    const std::string token = ports_.random.hex128() + ports_.random.hex128();
    ports_.storage.put_token({TokenUse::page, sha256_hex(token), c.id, due.key, now()});
    return options_.page_url + std::string(page_path) + token;
}

/// "desk+TOKEN@provider": an answer finds its case by where it went, also when subject and references are gone.
std::string Desk::new_reply_address(const core::Case& c, const core::NoticeDue& due) {
    const size_t at = options_.answer_to.rfind('@');
    if (!options_.reply_addresses || at == std::string::npos) return options_.answer_to;
    const std::string token = ports_.random.hex128();
    ports_.storage.put_token({TokenUse::reply, sha256_hex(token), c.id, due.key, now()});
    return options_.answer_to.substr(0, at) + "+" + token + options_.answer_to.substr(at);
}

/// The case whose address that was; nothing once it has been closed for long: such an address belongs to nobody's conversation.
std::optional<CaseId> Desk::case_of_address(const std::string& token) {
    constexpr Seconds grace{30 * 86400};
    if (token.size() != reply_token_digits) return std::nullopt;
    const auto id = ports_.storage.case_of_token(TokenUse::reply, sha256_hex(token));
    const auto c = id ? ports_.storage.find_case(*id) : std::nullopt;
    if (!c || (c->phase == core::Phase::closed && c->closed_at + grace < now())) return std::nullopt;
    return c->id;
}

Result<StatementTaken> Desk::take_statement(const Statement& in) {
    return once_by_page(ports_.storage, in_charge(in.case_id), in.key, now(), [&](const core::Case& c) -> Result<void> {
        if (c.phase == core::Phase::closed) return fail(Errc::conflict, "Case " + c.id.text() + " is closed.");
        if (in.reply.kind == core::ReplyKind::fix_request) {
            if (in.consent.empty()) return fail(Errc::invalid, "A fix that is charged needs the customer's consent.");
            if (!treatable(c.phase))
                return fail(Errc::forbidden, "Case " + c.id.text() + " is " + std::string(name(c.phase)) + ": nothing is to be charged now.");
        }
        if (std::count_if(c.replies.begin(), c.replies.end(), [](const core::Reply& r) { return r.channel == core::Channel::page; }) >= most_statements)
            return fail(Errc::forbidden, "Case " + c.id.text() + " has had " + std::to_string(most_statements) + " statements; answer the mail.");
        std::vector<Attachment> files = in.files;
        const auto before = ports_.storage.attachments_of(c.id);
        const auto kept_of_customer = files_of(before, false);
        int64_t bytes = kept_of_customer.bytes;
        for (size_t i = 0; i < files.size(); ++i) {
            Attachment& file = files[i];
            file.case_id = c.id;
            file.number = int64_t(before.size() + i + 1);
            file.sha256 = sha256_hex(file.bytes);
            file.size = int64_t(file.bytes.size());
            file.at = now();
            file.by.clear();
            bytes += file.size;
        }
        if (kept_of_customer.count + int64_t(files.size()) > most_files || bytes > most_file_bytes)
            return fail(Errc::forbidden, "Case " + c.id.text() + " holds as many files as it takes; answer the mail.");
        core::Reply reply = in.reply;
        reply.channel = core::Channel::page;
        const auto acted = act(c.id, core::RecordReply{reply}, "customer");
        if (!acted) return fail(acted.error());
        for (const auto& file : files) ports_.storage.put_attachment(file);
        if (const std::string note = note_of(in, files, now()); !note.empty()) {
            const auto noted = act(c.id, core::AddNote{note}, "customer");
            if (!noted) return fail(noted.error());
        }
        return {};
    });
}

Result<StatementTaken> Desk::take_appeal(const PageAppeal& in) {
    return once_by_page(ports_.storage, in_charge(in.case_id), in.key, now(), [&](const core::Case& c) -> Result<void> {
        // The core takes an appeal also then, but the page's address ends with its case: staff hands it in.
        if (c.phase == core::Phase::closed) return fail(Errc::conflict, "Case " + c.id.text() + " is closed; answer the mail to appeal.");
        const auto acted = act(c.id, core::LodgeAppeal{in.text, core::Channel::page}, "customer");
        if (!acted) return fail(acted.error());
        return {};
    });
}

Result<Attachment> Desk::attach(const CaseId& id, Attachment file, const std::string& reason, const std::string& actor) {
    constexpr size_t longest_name = 100;
    const bool sound = !file.name.empty() && file.name.size() <= longest_name && file.name.find_first_of("/\\") == std::string::npos && file.name[0] != '.' &&
                       file.name[0] != '-' && std::none_of(file.name.begin(), file.name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!sound) return fail(Errc::invalid, "A file's name has 1 to " + std::to_string(longest_name) + " bytes in one line, no folder, and no dot or dash at its start.");
    if (reason.empty()) return fail(Errc::invalid, "A file needs a reason: what it shows.");
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        Storage& storage = ports_.storage;
        const auto before = storage.attachments_of(id);
        const auto kept = files_of(before, true);
        file.case_id = id;
        file.number = int64_t(before.size() + 1);
        file.sha256 = sha256_hex(file.bytes);
        file.size = int64_t(file.bytes.size());
        file.at = now();
        file.by = actor;
        if (kept.count + 1 > most_files || kept.bytes + file.size > most_file_bytes)
            return fail(Errc::forbidden, "Case " + id.text() + " holds as many files of staff as it takes.");
        const auto noted = act(id, core::AddNote{"File " + std::to_string(file.number) + " added: " + file.name + ", " + std::to_string(file.size) + " bytes, SHA-256 " +
                                                 file.sha256 + ": " + reason}, actor);
        if (!noted) return fail(noted.error());
        storage.put_attachment(file);
        return {};
    });
    if (!done) return fail(done.error());
    file.bytes.clear();
    return file;
}

}  // namespace bailiff
