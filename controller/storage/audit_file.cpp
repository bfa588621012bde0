// SPDX-License-Identifier: Apache-2.0
// Reading audit logs from databases and exports.
#include "controller/storage/audit_file.hpp"

#include <bailiff/json.hpp>
#include "controller/storage/migrate.hpp"
#include "controller/storage/rows.hpp"
#include "controller/storage/sqlite.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff {

namespace {

constexpr JsonLimits line_limits{256 << 20, 64};
constexpr std::string_view sqlite_magic{"SQLite format 3\0", 16};

void note_what_was_not_verified(AuditVerdict& verdict, const AuditAnchors& anchors) {
    if (anchors.checkpoints.empty())
        verdict.notes.emplace_back("There is no checkpoint: a log rewritten as a whole would not be noticed.");
    else if (anchors.keys.empty())
        verdict.notes.emplace_back("No key was given: the checkpoints' signatures were not verified.");
    if (!anchors.cases) verdict.notes.emplace_back("The export does not say where each case stands: a cut-off end would not be noticed.");
}

void conclude(AuditVerdict& verdict, const ChainVerifier& verifier) {
    verdict.items = verifier.items();
    verdict.cases = verifier.cases();
    verdict.head = verifier.head();
}

/// A row of `cases` must be what its history folds to, in its JSON and in the columns beside it.
std::optional<std::string> differs(SqlRows& row, const core::Case& folded) {
    if (row.column<std::string>(2) != text_of(folded)) return "does not say what its history says";
    if (row.column<std::string>(3) != name(folded.phase) || row.column<VmId>(4) != folded.vm || row.column<CustomerId>(5) != folded.customer)
        return "is listed under another phase, VM or customer than its history says";
    return std::nullopt;
}

AuditVerdict verify_database(SqlConnection& db, const TrustedKeys& keys) {
    const bool knows_erasure = schema_version(db) >= 18;   // read-only: an older database stays what it is
    db.script("begin");  // one snapshot, although a controller may be writing
    AuditAnchors anchors;
    anchors.keys = keys;
    anchors.cases.emplace();
    {
        auto rows = db.query("select id, revision from cases");
        while (rows.next()) {
            const auto id = rows.take<CaseId>();
            anchors.cases->emplace(id, rows.take<int64_t>());
        }
        auto signed_heads = db.query("select position, hash, at, envelope from checkpoints order by position");
        while (signed_heads.next())
            anchors.checkpoints.push_back(Checkpoint{signed_heads.take<int64_t>(), signed_heads.take<std::string>(),
                                                     signed_heads.take<Instant>(), signed_heads.take<std::string>()});
    }
    AuditVerdict verdict;
    verdict.checkpoints = anchors.checkpoints.size();
    note_what_was_not_verified(verdict, anchors);
    ChainVerifier verifier(std::move(anchors));
    struct Folded {
        core::Case c;
        int64_t position = 0;
    };
    std::map<CaseId, Folded> folds;
    auto rows = db.query("select position, case_id, revision, text, hash, " + std::string(knows_erasure ? "erased" : "0") + " from history order by position");
    while (!verdict.fault && rows.next()) {
        const ChainedItem item{rows.take<int64_t>(), rows.take<CaseId>(), rows.take<int64_t>(), rows.take<std::string>(),
                               rows.take<std::string>(), rows.take<int64_t>()};
        verdict.fault = verifier.add(item);
        if (verdict.fault) break;
        const auto json = item.erased > 0 ? parse_json(item.text) : Result<Json>(Json());
        if (json && digest_in_link(*json)) continue;   // its course went, and its row with it
        auto& fold = folds[item.case_id];
        fold.c = core::evolve(std::move(fold.c), item_from(item.text));
        fold.position = item.position;
    }
    if (!verdict.fault) verdict.fault = verifier.finish();
    conclude(verdict, verifier);
    if (verdict.fault) return verdict;
    auto head = db.query("select position, hash from chain_head where id = 1");
    if (!head.next() || head.column<int64_t>(0) != verdict.items || head.column<std::string>(1) != verdict.head)
        verdict.fault = ChainFault{verdict.items + 1, "the stored head of the chain is another one than the last item: the end was cut off, "
                                                      "or the head was changed"};
    // The earliest history whose row disagrees is named.
    auto cases = db.query("select id, revision, body, phase, vm, customer from cases");
    while (cases.next()) {
        const auto id = cases.column<CaseId>(0);
        const auto& fold = folds[id];
        if (const auto why = differs(cases, fold.c); why && (!verdict.fault || fold.position < verdict.fault->position))
            verdict.fault = ChainFault{fold.position, "the row of case " + id.text() + " " + *why};
    }
    return verdict;
}

/// The key came with what it vouches for: a forger of the whole would have brought his own. What the reader can compare
/// is said, so that nobody takes the one for the other.
void note_where_the_key_is_from(AuditVerdict& verdict, const SignatureKey& key, const std::string& from) {
    if (verdict.fault || verdict.checkpoints == 0) return;
    verdict.notes.push_back("The checkpoints are signed with the key sha256:" + sha256_hex(key.public_pem()) + ", taken from " + from +
                            ": compare it with sha256sum STATE/authority/order.pub on the controller, or give that file with --key.");
}

/// The order key that stands beside a database in the controller's state folder.
std::optional<SignatureKey> key_beside(const std::string& database, std::string& path) {
    path = (std::filesystem::path(database).parent_path() / "authority/order.pub").string();
    std::ifstream in(path);
    if (!in) return std::nullopt;
    auto key = SignatureKey::from_public_pem(std::string(std::istreambuf_iterator<char>(in), {}));
    if (!key) return std::nullopt;
    return std::move(*key);
}

/// Calls `use(line number, object)` for every line that is not empty.
template <class Use>
std::optional<Error> each_line(std::string_view lines, Use use) {
    for (int64_t number = 1; !lines.empty(); ++number) {
        const size_t end = lines.find('\n');
        const std::string_view line = lines.substr(0, end);
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
        if (line.empty()) continue;
        const auto json = parse_json(line, line_limits);
        if (!json) return Error{Errc::invalid, "line " + std::to_string(number) + " is no part of an audit export: " + json.error().text};
        std::vector<Mistake> mistakes;
        JsonReader read(*json, mistakes);
        use(read, mistakes);
        if (!mistakes.empty())
            return Error{Errc::invalid, "line " + std::to_string(number) + " is no part of an audit export: " + describe(mistakes, 3)};
    }
    return std::nullopt;
}

}  // namespace

Result<AuditVerdict> verify_audit_database(const std::string& path, const TrustedKeys& given) {
    TrustedKeys keys = given;
    std::string key_path;
    const auto found = given.empty() ? key_beside(path, key_path) : std::nullopt;
    if (found) keys.emplace(found->key_id(), *found);
    auto db = open_sqlite(path, SqliteOptions{.read_only = true});
    if (!db) return fail(db.error());
    try {
        const int64_t version = schema_version(**db);
        if (version == 0) return fail(Errc::invalid, "'" + path + "' is a SQLite database, but not one of Bailiff's");
        if (auto fits = check_schema_version(**db, embedded_migrations().back().number); !fits) return fail(fits.error());
        AuditVerdict verdict = verify_database(**db, keys);
        if (found) note_where_the_key_is_from(verdict, *found, key_path + " beside the database");
        return verdict;
    } catch (const StorageOutage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
}

Result<AuditVerdict> verify_audit_export(std::string_view lines, const TrustedKeys& keys) {
    // Checkpoints and the cases' revisions stand at the end, but are needed with the items: two passes.
    AuditAnchors anchors;
    anchors.keys = keys;
    std::optional<SignatureKey> carried;
    auto error = each_line(lines, [&](JsonReader& read, std::vector<Mistake>& mistakes) {
        if (read.has("checkpoint")) {
            if (auto one = read.object("checkpoint"))
                anchors.checkpoints.push_back(Checkpoint{one->integer("position", 0, codec::any), one->text("hash", 64), one->instant("at"),
                                                         one->text("envelope", 64 * 1024)});
        } else if (read.has("key")) {
            auto key = SignatureKey::from_public_pem(read.text("key", 4096));
            if (!key) {
                mistakes.push_back({"/key", key.error().text});
            } else if (keys.empty() && !carried) {
                carried = std::move(*key);
                anchors.keys.emplace(carried->key_id(), *carried);
            }
        } else if (const Json* revisions = read.value("cases", false)) {
            anchors.cases.emplace();
            for (const auto& [id, revision] : revisions->items()) {
                if (revision.is_number_integer()) anchors.cases->emplace(CaseId(id), revision.get<int64_t>());
                else mistakes.push_back({"/cases/" + id, "must be a whole number"});
            }
        }
    });
    if (error) return fail(*error);
    AuditVerdict verdict;
    verdict.checkpoints = anchors.checkpoints.size();
    note_what_was_not_verified(verdict, anchors);
    ChainVerifier verifier(std::move(anchors));
    error = each_line(lines, [&](JsonReader& read, std::vector<Mistake>& mistakes) {
        if (verdict.fault || read.has("checkpoint") || read.has("cases") || read.has("key")) return;
        const ChainedItem item{read.integer("position", 0, codec::any), CaseId(read.optional_text("case")),
                               read.integer("revision", 0, codec::any), read.optional_text("text", line_limits.bytes),
                               read.optional_text("hash"), read.integer("erased", 0, codec::any, false)};
        if (mistakes.empty()) verdict.fault = verifier.add(item);
    });
    if (error) return fail(*error);
    if (!verdict.fault) verdict.fault = verifier.finish();
    conclude(verdict, verifier);
    if (carried) note_where_the_key_is_from(verdict, *carried, "the export itself");
    return verdict;
}

Result<AuditVerdict> verify_audit_file(const std::string& path, const TrustedKeys& keys) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail(Errc::not_found, "'" + path + "' cannot be opened; name a database file or an export of the audit log");
    std::string text(sqlite_magic.size(), '\0');
    in.read(text.data(), std::streamsize(text.size()));
    text.resize(size_t(in.gcount()));
    if (text == sqlite_magic) return verify_audit_database(path, keys);
    in.clear();
    text.append(std::istreambuf_iterator<char>(in), {});
    return verify_audit_export(text, keys);
}

void export_audit(Cases& cases, const std::string& public_key, const std::function<void(const std::string& line)>& write) {
    constexpr size_t page = 1000;
    for (int64_t after = 0;;) {
        const auto items = cases.chain(after, page);
        for (const auto& item : items) write(export_line(item));
        if (items.size() < page) break;
        after = items.back().position;
    }
    for (const auto& checkpoint : cases.checkpoints()) write(export_line(checkpoint));
    std::map<CaseId, int64_t> revisions;
    CaseFilter filter;
    filter.limit = page;
    for (;;) {
        const auto listed = cases.list_cases(filter);
        for (const auto& c : listed) revisions.emplace(c.id, c.revision);
        if (listed.size() < page) break;
        filter.before = listed.back().id;
    }
    write(export_line(revisions));
    if (!public_key.empty()) write(dump_json({{"key", public_key}}));
}

}  // namespace bailiff
