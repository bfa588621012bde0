// SPDX-License-Identifier: Apache-2.0
// `bailiffctl scan verify`: a good report, and every way in which it can be none.
#include "controller/ctl/scans.hpp"
#include "tests/unit/ctl/shell.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/scan_report.hpp>

namespace bailiff::test {
namespace {

const SignatureKey& host_key() {
    static const SignatureKey key = SignatureKey::from_seed(std::string(32, 'h'));
    return key;
}

ScanReport report() {
    ScanReport out{HostId("h1"), VmId("11111111-1111-4111-8111-111111111111"), CaseId("C-1"), std::string(32, 'a'), false,
                   Instant(Seconds(1'800'000'000)), Instant(Seconds(1'800'000'060)), ScanVerdict::infected, ""};
    out.disks["vda"] = Json{{"verdict", "infected"}, {"files", 3}, {"bytes", 400}, {"hits_total", 1}, {"skipped_total", 1}, {"duration_ms", 4200},
                            {"engines", Json::array({{{"name", "yara"}, {"version", "sha256:00"}, {"set", "yara 00"}}})},
                            {"volumes", Json::array({{{"name", "gpt1"}, {"filesystem", "ext4"}, {"state", "read"}, {"files", 3}}})},
                            {"hits", Json::array({{{"path", "/evil\x1b[2J"}, {"signature", "eval_post"}, {"engine", "yara"}, {"offset", 6}, {"sha256", std::string(64, 'e')}}})},
                            {"skipped", Json::array({{{"path", "/vault"}, {"reason", "encrypted"}}})}};
    return out;
}

struct ScanVerify : testing::Test {
    TemporaryFile key{"host.pub", host_key().public_pem()};
    Seen verify(const std::string& envelope, std::vector<std::string> more = {}) {
        const TemporaryFile file("scan.dsse", envelope);
        std::vector<std::string> words{file.path(), "--key", key.path()};
        words.insert(words.end(), more.begin(), more.end());
        return run(scan_verify, words);
    }
    static std::string sealed(std::string_view type = scan_report_payload_type) { return seal(host_key(), type, scan_report_payload(report())); }
};

TEST_F(ScanVerify, ShowsWhatTheHostSaid) {
    const auto seen = verify(sealed() + "\n");
    EXPECT_EQ(seen.code, 0) << seen.err;
    for (const char* part : {"good, signed by key", "infected", "eval_post", "encrypted", "ext4", "2027-01-15T08:00:00Z", "yara 00"})
        EXPECT_NE(seen.out.find(part), std::string::npos) << part << "\n" << seen.out;
    EXPECT_EQ(seen.out.find('\x1b'), std::string::npos) << "a path steers no terminal";
    const auto json = verify(sealed(), {"--json"}).json();
    EXPECT_EQ(json.at("ok"), true);
    EXPECT_EQ(json.at("key_id"), host_key().key_id());
    EXPECT_EQ(json.at("sha256"), sha256_hex(scan_report_payload(report())));
    EXPECT_EQ(json.at("report").at("disks").at("vda").at("hits")[0].at("offset"), 6);
}

TEST_F(ScanVerify, NamesWhatIsWrong) {
    const auto refused = [&](const std::string& envelope, const char* part) {
        const auto seen = verify(envelope);
        EXPECT_EQ(seen.code, 1) << seen.out;
        EXPECT_NE(seen.out.find(part), std::string::npos) << seen.out;
        EXPECT_EQ(verify(envelope, {"--json"}).json().at("ok"), false);
    };
    auto edited = report();
    edited.verdict = ScanVerdict::clean;
    Json envelope = Json::parse(sealed());
    envelope["payload"] = base64(scan_report_payload(edited));
    refused(envelope.dump(), "it was edited");
    refused(sealed().substr(0, 200), "no DSSE envelope");
    refused("", "no DSSE envelope");
    refused(seal(SignatureKey::from_seed(std::string(32, 'x')), scan_report_payload_type, scan_report_payload(report())), "not signed by a key in");
    refused(sealed("application/vnd.bailiff.evidence.v1+json"), "signed something else");
    refused(seal(host_key(), scan_report_payload_type, "{}"), "cannot be read");
}

TEST_F(ScanVerify, WantsOneFileAndAKey) {
    EXPECT_EQ(run(scan_verify, {}).code, 2);
    EXPECT_EQ(run(scan_verify, {"x.dsse"}).code, 2);
    EXPECT_EQ(run(scan_verify, {"/nonexistent", "--key", key.path()}).code, 2);
    const TemporaryFile nonsense("bad.pub", "no key");
    EXPECT_EQ(run(scan_verify, {key.path(), "--key", nonsense.path()}).code, 2);
}

}  // namespace
}  // namespace bailiff::test
