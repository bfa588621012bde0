// SPDX-License-Identifier: Apache-2.0
// `bailiffctl hashes sign`: a list that its reader believes, or a complaint that says what to write.
#include "controller/ctl/offline_hashes.hpp"

#include <bailiff/hash_list.hpp>

#include "tests/unit/ctl/shell.hpp"

namespace bailiff::test {
namespace {

const SignatureKey signer = SignatureKey::from_seed("bailiff-test-hash-list-key-32-by");

class HashesSign : public testing::Test {
  protected:
    Seen sign(const std::string& text, std::vector<std::string> options = {}) {
        const TemporaryFile key("key.pem", signer.private_pem()), sums("sums", text);
        if (options.empty()) options = {"--kind", "bad", "--name", "ours", "--version", "4"};
        options.insert(options.end(), {"--key", key.path(), sums.path()});
        return run(hashes_sign_command, options);
    }
    const std::string line = std::string(64, 'b') + "  Dropper.A\n" + std::string(64, 'a') + "  Dropper.B\n";
};

TEST_F(HashesSign, signs_what_its_reader_believes) {
    const auto seen = sign(line, {"--kind", "bad", "--name", "ours", "--version", "4", "--made-at", "2026-11-24T08:00:00Z"});
    ASSERT_EQ(seen.code, 0) << seen.err;
    const size_t newline = seen.out.find('\n');
    const auto head = open_hash_list_head(seen.out.substr(0, newline), {{signer.key_id(), signer}});
    ASSERT_TRUE(head) << head.error().text;
    const std::string lines = std::string(64, 'a') + " Dropper.B\n" + std::string(64, 'b') + " Dropper.A\n";
    EXPECT_EQ(seen.out.substr(newline + 1), lines) << "in rising order";
    EXPECT_EQ(*head, (HashListHead{HashListKind::bad, "ours", 4, Instant(Seconds(1795507200)), 2, sha256_hex(lines)}));
    const auto good = sign(line, {"--kind", "good", "--name", "ours", "--version", "1"});
    EXPECT_EQ(good.out.substr(good.out.find('\n') + 1), std::string(64, 'a') + "\n" + std::string(64, 'b') + "\n");
}

TEST_F(HashesSign, complains_with_the_remedy) {
    EXPECT_EQ(sign("hello\n").code, 1);
    EXPECT_NE(sign("hello\n").err.find("line 1 "), std::string::npos);
    EXPECT_EQ(sign("# nothing\n").code, 1);
    EXPECT_EQ(sign(line, {"--kind", "ugly", "--name", "a", "--version", "1"}).code, 2);
    EXPECT_EQ(sign(line, {"--kind", "bad", "--name", "a\nb", "--version", "1"}).code, 2);
    EXPECT_EQ(sign(line, {"--kind", "bad", "--name", "a", "--version", "0"}).code, 2);
    EXPECT_EQ(sign(line, {"--kind", "bad", "--name", "a"}).code, 2);
    EXPECT_EQ(run(hashes_sign_command, {"--kind", "bad", "--name", "a", "--version", "1", "--key", "/nonexistent", "/dev/null"}).code, 1);
    const TemporaryFile pub("key.pub", signer.public_pem());
    EXPECT_NE(run(hashes_sign_command, {"--kind", "bad", "--name", "a", "--version", "1", "--key", pub.path(), pub.path()}).err.find("openssl genpkey"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
