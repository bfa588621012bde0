// SPDX-License-Identifier: Apache-2.0
// Files that customers sent, at the API: listed, and given out to be saved.
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

TEST(Files, AreListedAndGivenOutToBeSaved) {
    ApiWorld world;
    const auto id = world.open_case();
    const std::string bytes("<script>\0\xff", 10);
    Statement statement;
    statement.case_id = CaseId(id);
    statement.reply.kind = core::ReplyKind::dispute;
    statement.reply.text = "see the file";
    Attachment file;
    file.name = "page.html";
    file.bytes = bytes;
    statement.files.push_back(file);
    statement.key = "k";
    ASSERT_TRUE(world.desk.take_statement(statement));
    const auto listed = world.ask("GET", "/api/v1/cases/" + id + "/files", "ana").json().at("items");
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0].at("name"), "page.html");
    EXPECT_EQ(listed[0].at("size"), 10);
    EXPECT_EQ(listed[0].at("sha256"), sha256_hex(bytes));
    EXPECT_TRUE(listed[0].contains("at"));
    const auto got = world.ask("GET", "/api/v1/cases/" + id + "/files/1", "ana");
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, bytes);
    EXPECT_EQ(got.header("Content-Type"), "application/octet-stream");
    EXPECT_EQ(got.header("Content-Disposition"), "attachment; filename=\"C-1-1.bin\"");
    EXPECT_EQ(got.header("Content-Security-Policy"), "default-src 'none'; sandbox");
}

TEST(Files, OfStaffStandBesideThoseOfTheCustomer) {
    ApiWorld world;
    const auto id = world.open_case();
    const auto add = [&](const std::string& name, const std::string& bytes) {
        return world.ask("POST", "/api/v1/cases/" + id + "/files", "ana", {{"name", name}, {"content", base64(bytes)}, {"reason", "the flows"}});
    };
    const auto added = add("flows.csv", "src,dst\n");
    ASSERT_EQ(added.status, 201) << added.body;
    EXPECT_EQ(added.json().at("number"), 1);
    EXPECT_EQ(added.json().at("by"), "staff:ana");
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + id + "/files/1", "ana").body, "src,dst\n");
    const auto history = world.ask("GET", "/api/v1/cases/" + id + "/history", "ana").body;
    EXPECT_NE(history.find(sha256_hex("src,dst\n")), std::string::npos) << history;
    for (const char* name : {"../x", ".hidden", "-rf", "a\nb", "c\\d", ""}) EXPECT_EQ(add(name, "x").status, 422) << name;
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/files", "ana", {{"name", "x"}, {"content", "!"}, {"reason", "x"}}).status, 422);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/C-9/files", "ana", {{"name", "x"}, {"content", "eA=="}, {"reason", "x"}}).status, 404);
    const std::string capture(5 << 20, 'p');
    EXPECT_EQ(add("capture.pcap", capture).status, 201);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + id + "/files/2", "ana").body.size(), capture.size());
    EXPECT_EQ(add("capture.pcap", capture + "more").status, 422);
    EXPECT_EQ(add("capture.pcap", std::string(6 << 20, 'p')).status, 413);
    for (int64_t i = 2; i < Desk::most_files; ++i) EXPECT_EQ(add("more", "x").status, 201);
    EXPECT_EQ(add("more", "x").status, 403);
    // Neither side uses up what the other may hand in.
    Statement statement;
    statement.case_id = CaseId(id);
    statement.reply.text = "see the file";
    Attachment file;
    file.name = "mine";
    file.bytes = "y";
    file.by = "staff:nobody";
    statement.files.push_back(file);
    statement.key = "k";
    ASSERT_TRUE(world.desk.take_statement(statement));
    EXPECT_EQ(world.desk.storage().attachments_of(CaseId(id)).back().by, "") << "who sends it does not say who he is";
}

TEST(Files, ThatAreNotThereAreNotFound) {
    ApiWorld world;
    const auto id = world.open_case();
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + id + "/files", "ana").body, R"({"items":[]})");
    for (const char* number : {"1", "0", "-1", "x", "1x", "99999999999999999999"})
        EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + id + "/files/" + number, "ana").status, 404) << number;
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-9/files", "ana").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-9/files/1", "ana").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + id + "/files", "").status, 401);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + id + "/files/1", "").status, 401);
}

}  // namespace
}  // namespace bailiff::test
