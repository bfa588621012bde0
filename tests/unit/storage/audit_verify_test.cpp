// SPDX-License-Identifier: Apache-2.0
// `bailiffctl audit verify` on databases and exports, sound and tampered with.
#include "controller/ctl/audit_verify.hpp"
#include "controller/storage/audit_file.hpp"
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/sql_storage.hpp"
#include "controller/storage/sqlite.hpp"
#include "tests/unit/ctl/shell.hpp"

namespace bailiff::test {
namespace {

Instant at(int64_t seconds) { return Instant(Seconds(1'700'000'000 + seconds)); }

class AuditVerify : public testing::Test {
  protected:
    AuditVerify() : folder_("keep", ""), path_(std::filesystem::path(folder_.path()).parent_path() / "bailiff.db") {}

    /// Six cases of three items each, a checkpoint at item 10.
    void fill(Storage& storage) {
        std::vector<core::Case> cases(6);
        for (auto& c : cases) {
            core::CaseOpened opened;
            opened.case_id = storage.next_case_id();
            opened.vm = VmId("vm");
            opened.customer = CustomerId("7");
            const auto items = core::stamp(c, {opened, core::NoteAdded{"first"}}, at(1), "staff:alice");
            ASSERT_TRUE(storage.save(0, c, items, std::nullopt));
        }
        for (auto& c : cases) {
            const auto items = core::stamp(c, {core::NoteAdded{"second"}}, at(2), "staff:alice");
            ASSERT_TRUE(storage.save(2, c, items, std::nullopt));
        }
        const auto link = storage.chain(9, 1).at(0);
        storage.put_checkpoint({link.position, link.hash, at(3), seal(key_, checkpoint_payload_type, checkpoint_payload(link.position, link.hash, at(3)))});
    }
    std::string sound_database() {
        std::filesystem::remove(path_);
        auto storage = *SqlStorage::open(*open_sqlite(path_));
        fill(*storage);
        return path_;
    }
    std::string sound_export(const std::string& carried = "") {
        MemoryStorage storage;
        fill(storage);
        std::string text;
        export_audit(storage, carried, [&](const std::string& line) { text += line + "\n"; });
        return text;
    }
    Seen verify(const std::vector<std::string>& arguments) { return run(audit_verify_command, arguments); }
    /// Changes a sound database behind Bailiff's back and expects the verdict to name `position`.
    void tampered(const std::string& sql, int64_t position, const std::string& text) {
        SCOPED_TRACE(sql);
        sound_database();
        (*open_sqlite(path_))->script(sql);
        const auto seen = verify({path_, "--json"});
        EXPECT_EQ(seen.code, 1) << seen.out << seen.err;
        const auto json = seen.json();
        EXPECT_EQ(json["ok"], false);
        EXPECT_EQ(json["position"], position) << seen.out;
        EXPECT_NE(json["text"].get<std::string>().find(text), std::string::npos) << seen.out;
    }

    SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'k'));
    TemporaryFile folder_;
    std::string path_;
};

TEST_F(AuditVerify, says_that_a_sound_database_is_intact) {
    sound_database();
    const TemporaryFile key("controller.pub", key_.public_pem());
    const auto seen = verify({path_, "--key", key.path()});
    EXPECT_EQ(seen.code, 0) << seen.out << seen.err;
    EXPECT_TRUE(seen.out.starts_with("audit: 18 items, 6 cases, head ")) << seen.out;
    EXPECT_TRUE(seen.out.ends_with(": intact\n")) << seen.out;
    const auto keyless = verify({path_});
    EXPECT_EQ(keyless.code, 0);
    EXPECT_NE(keyless.out.find("signatures were not verified"), std::string::npos) << keyless.out;
}

TEST_F(AuditVerify, verifies_while_a_controller_writes) {
    sound_database();
    auto storage = *SqlStorage::open(*open_sqlite(path_));
    const auto result = storage->transaction([&]() -> Result<void> {
        auto c = *storage->find_case(CaseId("C-1"));
        const auto items = core::stamp(c, {core::NoteAdded{"third"}}, at(3), "staff:alice");
        auto saved = storage->save(3, c, items, std::nullopt);
        EXPECT_EQ(verify({path_}).code, 0);
        return saved;
    });
    ASSERT_TRUE(result);
    EXPECT_TRUE(verify({path_}).out.starts_with("audit: 19 items"));
}

TEST_F(AuditVerify, names_what_was_done_to_a_database) {
    tampered("update history set text = replace(text, 'alice', 'mandy') where position = 7", 7, "was changed");
    tampered("update history set revision = 9 where position = 18", 18, "is filed under");
    tampered("delete from history where position = 4", 4, "missing or out of order");
    tampered("delete from history where position > 16", 17, "the end");
    tampered("delete from history where position > 5", 6, "was signed");
    tampered("delete from cases where number = 3", 5, "has a history but no row");
    tampered("update cases set revision = 2 where number = 3", 15, "set back");
    tampered("update cases set body = replace(body, '\"7\"', '\"8\"') where number = 2", 14, "does not say what its history says");
    tampered("update cases set phase = 'closed' where number = 2", 14, "listed under another phase");
    tampered("update chain_head set position = 17", 19, "head of the chain");
    tampered("update checkpoints set hash = 'x'", 10, "checkpoint");
}

TEST_F(AuditVerify, tells_a_forged_checkpoint_by_the_key) {
    sound_database();
    const auto other = SignatureKey::from_seed(std::string(32, 'x'));
    const TemporaryFile key("controller.pub", other.public_pem()), both("keys.pub", other.public_pem() + key_.public_pem());
    const auto seen = verify({path_, "--key", key.path()});
    EXPECT_EQ(seen.code, 1);
    EXPECT_NE(seen.out.find("NOT intact from item 10 on"), std::string::npos) << seen.out;
    EXPECT_EQ(verify({path_, "--key", both.path()}).code, 0) << "earlier keys stay valid beside it";
}

TEST_F(AuditVerify, reads_exports) {
    const std::string text = sound_export();
    const TemporaryFile file("audit.jsonl", text), key("controller.pub", key_.public_pem());
    const auto seen = verify({file.path(), "--key", key.path()});
    EXPECT_EQ(seen.code, 0) << seen.out << seen.err;
    EXPECT_TRUE(seen.out.starts_with("audit: 18 items, 6 cases, head ")) << seen.out;

    // Each line is dropped in turn: every one of them is missed, whatever it is.
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    ASSERT_EQ(lines.size(), 18u + 1 + 1);
    for (size_t skip = 0; skip < lines.size(); ++skip) {
        std::string rest;
        for (size_t i = 0; i < lines.size(); ++i)
            if (i != skip) rest += lines[i] + "\n";
        const TemporaryFile cut("audit.jsonl", rest);
        const auto verdict = verify({cut.path(), "--key", key.path()});
        if (skip < 18) EXPECT_EQ(verdict.code, 1) << skip << verdict.out;
        else EXPECT_NE(verdict.out.find("note: "), std::string::npos) << "what cannot be verified any more is said";
    }
}

TEST_F(AuditVerify, takes_the_key_from_the_export_and_says_so) {
    const std::string text = sound_export(key_.public_pem());
    const TemporaryFile file("audit.jsonl", text), key("controller.pub", key_.public_pem());
    const auto seen = verify({file.path()});
    EXPECT_EQ(seen.code, 0) << seen.out << seen.err;
    EXPECT_NE(seen.out.find("sha256:" + sha256_hex(key_.public_pem()) + ", taken from the export itself"), std::string::npos) << seen.out;
    EXPECT_EQ(seen.out.find("were not verified"), std::string::npos) << seen.out;
    EXPECT_EQ(verify({file.path(), "--key", key.path()}).out.find("note: "), std::string::npos) << "a given key needs no note";

    // Who alters the export without the controller's key is found; a key of his own in its place is named by its sum.
    const auto other = SignatureKey::from_seed(std::string(32, 'x'));
    std::string swapped = sound_export(other.public_pem());
    const TemporaryFile forged("audit.jsonl", swapped);
    EXPECT_EQ(verify({forged.path()}).code, 1);
    EXPECT_EQ(verify({forged.path(), "--key", key.path()}).code, 0) << "what an export brings along never counts beside a given key";
    const TemporaryFile no_key("audit.jsonl", text.substr(0, text.rfind("{\"key\"")) + "{\"key\":\"none\"}\n");
    EXPECT_EQ(verify({no_key.path()}).code, 2);
}

TEST_F(AuditVerify, takes_the_key_beside_the_database_and_says_so) {
    sound_database();
    const auto authority = std::filesystem::path(path_).parent_path() / "authority";
    std::filesystem::create_directory(authority);
    std::ofstream(authority / "order.pub") << key_.public_pem();
    const auto seen = verify({path_});
    EXPECT_EQ(seen.code, 0) << seen.out << seen.err;
    EXPECT_NE(seen.out.find("order.pub beside the database"), std::string::npos) << seen.out;
    std::ofstream(authority / "order.pub") << SignatureKey::from_seed(std::string(32, 'x')).public_pem();
    EXPECT_EQ(verify({path_}).code, 1) << "a checkpoint that the controller's key did not sign";
    std::filesystem::remove_all(authority);
}

TEST_F(AuditVerify, fetches_from_a_controller_by_the_given_function) {
    const std::string text = sound_export();
    std::vector<std::string> asked;
    std::ostringstream out, err;
    EXPECT_EQ(audit_verify({"https://bailiff.example", "--token-file", "/t"}, out, err,
                           [&](const std::vector<std::string>& options) -> Result<std::string> {
                               asked = options;
                               return text;
                           }),
              exit_ok);
    EXPECT_EQ(asked, (std::vector<std::string>{"--server", "https://bailiff.example", "--token-file", "/t"}));
    EXPECT_EQ(audit_verify({"https://bailiff.example"}, out, err,
                           [](const std::vector<std::string>&) -> Result<std::string> { return fail(Errc::unavailable, "No answer."); }),
              exit_usage);
    EXPECT_NE(err.str().find("No answer."), std::string::npos);
}

TEST_F(AuditVerify, says_when_there_is_nothing_to_verify) {
    const TemporaryFile garbage("x", "not json\n"), wrong_key("k", "no key");
    (*open_sqlite(path_))->script("create table t (n integer)");
    EXPECT_EQ(verify({}).code, 2);
    EXPECT_EQ(verify({"/no/such/file"}).code, 2);
    EXPECT_EQ(verify({garbage.path()}).code, 2);
    EXPECT_NE(verify({path_}).err.find("not one of Bailiff's"), std::string::npos);
    EXPECT_EQ(verify({path_, "--key", wrong_key.path()}).code, 2);
    sound_database();
    (*open_sqlite(path_))->script("insert into schema_version (number, name) values (9999, '9999_later')");
    EXPECT_NE(verify({path_}).err.find("newer Bailiff"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
