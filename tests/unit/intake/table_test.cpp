// SPDX-License-Identifier: Apache-2.0
// Tables: separators, names of columns, comments, archives; XML of copyright agents and Safe Browsing.
#include "controller/intake/text_encoding.hpp"
#include "tests/unit/intake/report_reading.hpp"

#include <zlib.h>

namespace bailiff::test {
namespace {

std::string little(size_t value, int width) {
    std::string out;
    for (int i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

std::string deflated(const std::string& bytes, int bits) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(bytes.size() + 1024, '\0'), in = bytes;
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.erase(size_t(stream.total_out));
    deflateEnd(&stream);
    return out;
}

struct Member {
    std::string name, bytes;
    bool secret = false;
};

/// A ZIP of deflated members; without its directory if so wished.
std::string zipped(const std::vector<Member>& members, bool directory = true) {
    std::string out, index;
    for (const auto& [name, bytes, secret] : members) {
        const std::string packed = deflated(bytes, -15), sizes = little(0, 4) + little(packed.size(), 4) + little(bytes.size(), 4);
        const std::string shared = little(20, 2) + little(secret ? 1 : 0, 2) + little(8, 2) + little(0, 4) + sizes + little(name.size(), 2) + little(0, 2);
        index += "PK\x01\x02" + little(20, 2) + shared + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(out.size(), 4) + name;
        out += "PK\x03\x04" + shared + name + packed;
    }
    if (!directory) return out;
    const size_t at = out.size();
    return out + index + "PK\x05\x06" + little(0, 4) + little(members.size(), 2) + little(members.size(), 2) + little(index.size(), 4) + little(at, 4) +
        little(0, 2);
}

const std::string table = "timestamp,ip,port,tag\n2026-03-01 05:10:22,192.0.2.10,3389,rdp\n2026-03-01 05:11:02,192.0.2.11,3389,rdp\n";

TEST(Tables, columns_are_found_by_many_names) {
    const auto first = [](const std::string& text) {
        const auto report = parse_report(text);
        if (report.events.empty()) return shown(report);
        const auto& e = report.events[0];
        return e.source.ip + ":" + (e.source.port ? std::to_string(*e.source.port) : "") + " " + kind_of(e) + " " + time_of(e) + " " + e.destination.ip;
    };
    EXPECT_EQ(first("\"Date\",\"Time\",\"C&C\",\"C&C Port\",\"TGT\"\n\"2008-11-03\",\"00:24:56\",\"192.0.2.10\",789,\"198.51.100.2\"\n"),
              "192.0.2.10:789 infrastructure/botnet 2008-11-03T00:24:56Z 198.51.100.2");
    EXPECT_EQ(first("datasource,source ip,observation time,type,destination port\nSR,192.0.2.10,2018-07-06 10:59:06Z,malware url,445\n"),
              "192.0.2.10: content/malware 2018-07-06T10:59:06Z ");
    EXPECT_EQ(first("source.ip;source.port;time.source;classification.type\n192.0.2.10;22;2026-03-01T05:10:22+00:00;brute-force\n"),
              "192.0.2.10:22 connection/login_attack 2026-03-01T05:10:22Z ");
    EXPECT_EQ(first("Timestamp (UTC)\tIP address\tMalware\n2026-03-01 05:10:22\t192.0.2.10\tandromeda\n"),
              "192.0.2.10: connection/infected_host 2026-03-01T05:10:22Z ");
    EXPECT_EQ(first("timestamp,http_referer_ip,http_referer_port,dst_ip,infection\n2021-03-04 00:00:02,192.0.2.10,80,198.51.100.2,kovter\n"),
              "192.0.2.10:80 connection/infected_host 2021-03-04T00:00:02Z 198.51.100.2");
    EXPECT_EQ(first("timestamp,src_ip,dst_port,infection\n2021-03-28 00:00:02,192.0.2.10,389,ddos-amplification\n"),
              "192.0.2.10: connection/ddos 2021-03-28T00:00:02Z ");
    EXPECT_EQ(first("# made by us\n# \"first_seen_utc\",\"dst_ip\",\"dst_port\",\"malware\"\n\"2026-03-01 05:10:22\",\"192.0.2.10\",\"443\",\"Emotet\"\n"),
              "192.0.2.10:443 infrastructure/botnet 2026-03-01T05:10:22Z ")
        << "what malware talks to";
    EXPECT_EQ(first("sep=;\nip;timestamp;type\n192.0.2.10;2026-03-01 05:10:22;phishing\n"), "192.0.2.10: content/phishing 2026-03-01T05:10:22Z ");
}

TEST(Tables, urls_and_hosts_say_where_if_nothing_else_does) {
    const auto haus = parse_report("id,dateadded,url,threat,reporter\n1,2026-03-01 05:10:22,http://192.0.2.10/x.sh,malware_download,someone\n2,2026-03-01 05:11:22,hxxp://shop[.]example/y,malware_download,someone\n");
    ASSERT_EQ(haus.events.size(), 2u) << shown(haus);
    EXPECT_EQ(haus.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(haus.events[1].source.host, "shop.example");
    EXPECT_EQ(kind_of(haus.events[1]), "content/malware");
    const auto page = parse_report("timestamp,ip,url,http_host,category\n2026-03-01 05:10:22,192.0.2.10,/header.php,shop.example,spam\n", {}, nullptr,
                                   "2026-03-01-compromised_website-x.csv");
    EXPECT_EQ(page.events.at(0).source.url, "http://shop.example/header.php");
    EXPECT_EQ(kind_of(page.events[0]), "content/remote_compromise") << "the file's name says more than its column";
}

TEST(Tables, what_a_line_lacks_is_said_and_repeats_count_once) {
    const auto report = parse_report("ip,timestamp,type\n192.0.2.1,2026-03-01T05:10:22Z,ddos\n192.0.2.1,2026-03-01T05:10:22Z,ddos\n192.0.2.1.9,2026-03-01T05:10:22Z,ddos\n192.0.2.0/24,2026-03-01T05:10:22Z,ddos\n,,\n");
    ASSERT_EQ(report.events.size(), 2u) << shown(report);
    EXPECT_TRUE(warned(report, "repeats another exactly"));
    EXPECT_TRUE(warned(report, "Line 4: '192.0.2.1.9' is no address"));
    EXPECT_EQ(report.events[1].source.network, "192.0.2.0/24");
}

TEST(Tables, inside_a_text_for_people) {
    const auto report = parse_report(plain_mail("Dear Sir,\n\nthese systems answer, please look:\n\nFormat: ASN | IP address | Timestamp (UTC) | Service\n 64500 | 192.0.2.10 | 2026-03-01 05:10:22 | openresolver\n"
                                                " 64500 | 192.0.2.11 | 2026-03-01 05:10:23 | openresolver\n\nRegards, the CERT\n",
                                                "Open DNS resolvers in AS64500"));
    ASSERT_EQ(report.events.size(), 2u) << shown(report);
    EXPECT_EQ(report.events[1].source.ip, "192.0.2.11");
    EXPECT_EQ(kind_of(report.events[0]), "vulnerability/open_service");
    EXPECT_EQ(time_of(report.events[0]), "2026-03-01T05:10:22Z");
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Tables, drawn_with_lines_and_several_addresses_in_a_cell) {
    const auto drawn = parse_report(plain_mail("please have a look:\n\n+-------------------\n\n|date                          |id     |virusname     |ip            |domain |Url|\n+----------------\n"
                                               "|2015-09-14 07:49:54 CEST    |81328588      |JS/iFrame.cqq |192.0.2.10 |shop.example        |http://8f2e.shop.example/\n+------------\n\nyours\n",
                                               "[viruses-81328588](192.0.2.10) viruses sites (1 so far) within your network"));
    ASSERT_EQ(drawn.events.size(), 1u) << shown(drawn);
    EXPECT_EQ(kind_of(drawn.events[0]), "content/malware");
    EXPECT_EQ(drawn.events[0].source.url, "http://8f2e.shop.example/");
    EXPECT_EQ(time_of(drawn.events[0]), "2015-09-14T05:49:54Z");
    const auto two = parse_report("\"IP Address\",\"Port\",\"Channel\"\n\"192.0.2.1 192.0.2.2\",3267,\"#x\"\n", {}, nullptr, "botnet-ccip.csv");
    ASSERT_EQ(two.events.size(), 2u) << shown(two);
    EXPECT_EQ(two.events[1].source.ip, "192.0.2.2");
    EXPECT_EQ(two.events[1].source.port, 3267);
}

TEST(Tables, without_a_header_a_person_confirms_the_columns) {
    const auto report = parse_report("\"2010-06-10 23:55:29\",\"iframe exploit\",\"x.example\",\"192.0.2.10\",27715\n\"2010-06-10 23:55:45\",\"iframe exploit\",\"y.example\",\"192.0.2.11\",3356\n");
    ASSERT_EQ(report.events.size(), 2u) << shown(report);
    EXPECT_EQ(report.events[1].source.ip, "192.0.2.11");
    EXPECT_TRUE(report.triage);
}

TEST(Tables, two_tables_of_one_event_count_once_with_the_texts_zone) {
    const auto report = parse_report(report_fixture("two_tables.eml"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    EXPECT_EQ(time_of(report.events[0]), "2026-03-02T00:45:59Z");
    EXPECT_EQ(report.events[0].source.port, 2005);
    EXPECT_EQ(report.events[0].destination.ip, "198.51.100.40") << "what only the second says is added";
    EXPECT_TRUE(warned(report, "the text names the same time"));
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Tables, packed_in_zip_and_gzip) {
    const auto mail = parse_report(report_fixture("shadowserver_zip.eml"));
    ASSERT_EQ(mail.events.size(), 2u) << shown(mail);
    EXPECT_EQ(kind_of(mail.events[0]), "vulnerability/open_service");
    EXPECT_TRUE(warned(mail, "'192.0.2.300' is no address"));
    EXPECT_EQ(mail.reporter.contact, "autoreports@feeds.example");
    const auto file = parse_report(zipped({{"folder/2026-scan_rdp.csv", table}}));
    EXPECT_EQ(file.events.size(), 2u) << shown(file);
    const auto gz = parse_report(deflated(table, 31), {}, nullptr, "2026-scan_rdp.csv.gz");
    EXPECT_EQ(gz.events.size(), 2u) << shown(gz);
    const auto nested = parse_report(zipped({{"a.zip", zipped({{"scan_rdp.csv", table}})}}));
    EXPECT_EQ(nested.events.size(), 2u) << shown(nested);
    const auto lost = parse_report(zipped({{"scan_rdp.csv", table}}, false));
    EXPECT_EQ(lost.events.size(), 2u) << shown(lost);
    EXPECT_TRUE(warned(lost, "lost its directory"));
}

TEST(Tables, archives_cost_what_the_limits_allow) {
    ReportLimits limits;
    limits.unpacked_bytes = 1 << 20;
    const auto bomb = parse_report(zipped({{"zeros.csv", std::string(20 << 20, '0')}}), limits);
    ASSERT_TRUE(bomb.triage);
    EXPECT_TRUE(warned(bomb, "unpacks to more than")) << shown(bomb);
    std::string deep = table;
    for (int i = 0; i < 5; ++i) deep = zipped({{"x.zip", deep}});
    EXPECT_TRUE(warned(parse_report(deep), "too deep"));
    EXPECT_TRUE(warned(parse_report(zipped(std::vector<Member>(60, {"a.csv", table}))), "more than 50 files"));
    const auto secret = parse_report(zipped({{"a.csv", table, true}}));
    EXPECT_TRUE(warned(secret, "encrypted"));
    EXPECT_TRUE(secret.triage);
    // Every cut and every wrong byte is survived.
    const std::string whole = zipped({{"scan_rdp.csv", table}});
    for (size_t i = 0; i < whole.size(); ++i) {
        EXPECT_NO_THROW(parse_report(whole.substr(0, i)));
        std::string wrong = whole;
        wrong[i] = static_cast<char>(wrong[i] ^ 0xFF);
        const auto report = parse_report(wrong);
        EXPECT_TRUE(report.triage || !report.events.empty());
    }
}

TEST(Tables, charsets_that_are_not_said_or_not_true) {
    std::string wide = "\xFF\xFE";
    for (const char c : table) wide += c, wide += '\0';
    EXPECT_EQ(parse_report(wide).events.size(), 2u);
    EXPECT_EQ(parse_report(wide.substr(2)).events.size(), 2u) << "without its mark";
    EXPECT_EQ(parse_report("\xEF\xBB\xBF" + table).events.size(), 2u);
    const auto mail = parse_report(mail_with("Content-Type: text/csv; charset=utf-8; name=scan_rdp.csv\nContent-Transfer-Encoding: 8bit\n",
                                             "ip,timestamp,city\n192.0.2.10,2026-03-01T05:10:22Z,K\xF6ln\n"));
    EXPECT_EQ(mail.events.size(), 1u) << shown(mail);
    const auto latin = parse_report(plain_mail("Gr\xFC\xDF" "e: hxxp://192.0.2.10/x\n"));
    EXPECT_NO_THROW(to_json(latin).dump());
    EXPECT_EQ(latin.suggestions.addresses, std::vector<std::string>{"192.0.2.10"});
}

TEST(Notices, acns_in_the_text_and_attached_is_one_event) {
    const auto report = parse_report(report_fixture("acns.eml"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    const auto& event = report.events[0];
    EXPECT_EQ(report.format, "acns");
    EXPECT_EQ(kind_of(event), "copyright/p2p");
    EXPECT_EQ(event.source.ip, "192.0.2.10");
    EXPECT_EQ(event.source.port, 35657);
    EXPECT_EQ(event.report_id, "9001");
    EXPECT_EQ(time_of(event), "2026-03-13T20:35:03Z");
    EXPECT_EQ(event.summary, "A Film");
    EXPECT_EQ(report.reporter.name, "Pictures & Sons");
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Notices, one_case_with_two_sources_is_two_events) {
    const auto report = parse_report("<Infringement><Case><ID>7</ID></Case><Source><TimeStamp>2015-05-06T05-00-00UTC</TimeStamp><IP_Address>192.0.2.1</IP_Address></Source>"
                                     "<Source><TimeStamp>2015-05-06T05:00:00Z</TimeStamp><IP_Address>192.0.2.2</IP_Address></Source></Infringement>");
    ASSERT_EQ(report.events.size(), 2u) << shown(report);
    EXPECT_EQ(time_of(report.events[0]), "2015-05-06T05:00:00Z");
    EXPECT_EQ(report.events[1].report_id, "7");
}

TEST(Notices, safe_browsing_lists_urls_by_the_day) {
    const auto report = parse_report(report_fixture("safe_browsing.eml"));
    ASSERT_EQ(report.events.size(), 3u) << shown(report);
    EXPECT_EQ(kind_of(report.events[0]), "content/remote_compromise");
    EXPECT_EQ(report.events[1].source.url, "http://shop.example/gallery?a=1&b=2");
    EXPECT_EQ(report.events[1].source.ip, "192.0.2.10");
    EXPECT_EQ(report.events[2].source.ip, "192.0.2.11");
    EXPECT_EQ(kind_of(report.events[2]), "content/phishing");
}

TEST(Tables, drawn_in_a_text) {
    const std::string before = "Hello,\n\nthese hosts:\n\n", after = "\nRegards\n";
    const std::vector<std::string> tables{
        "IP address       Date (UTC)           Type\n---------------  -------------------  --------\n192.0.2.10       2026-03-02 04:12:09  portscan\n"
        "192.0.2.11       2026-03-02 04:13:09  portscan\n",
        "| IP address | Date (UTC) | Type |\n|---|:---:|---|\n"
        "| 192.0.2.10 | 2026-03-02 04:12:09 | portscan |\n| 192.0.2.11 | 2026-03-02 04:13:09 | portscan |\n",
    };
    for (const auto& drawn : tables) {
        const auto report = parse_report(plain_mail(before + drawn + after));
        ASSERT_EQ(report.events.size(), 2u) << shown(report);
        EXPECT_EQ(report.events[0].source.ip, "192.0.2.10");
        EXPECT_EQ(time_of(report.events[1]), "2026-03-02T04:13:09Z");
        EXPECT_EQ(kind_of(report.events[1]), "connection/port_scan");
    }
    // A line with a cell more or less could stand under another column.
    const auto ragged = parse_report(plain_mail(before + "Host  IP address  Date\nweb  192.0.2.10  2026-03-02\n198.51.100.7  2026-03-02\n" + after));
    EXPECT_TRUE(ragged.events.empty()) << shown(ragged);
    EXPECT_TRUE(ragged.triage);
}

TEST(Tables, of_a_page) {
    const auto of_rows = [](const std::string& rows) {
        return "From: soc@cert.example\nTo: abuse@provider.example\nSubject: Attacks\nDate: Mon, 2 Mar 2026 05:00:00 +0000\nContent-Type: text/html\n\n"
               "<html><body><table><tr><td>" + std::string("<table>\n") + rows + "</table></td></tr></table><p>Regards</p></body></html>\n";
    };
    const auto list = parse_report(of_rows("<tr><th>IP address</th><th>Timestamp (UTC)</th><th>Type</th></tr>\n<tr>\n<td>192.0.2.10</td>\n<td>2026-03-02 04:12:09</td>\n"
                                        "<td>SSH brute\nforce</td></tr>\n<tr><td>192.0.2.11</td><td>2026-03-02 04:13:09</td><td>port scan</td></tr>\n"));
    ASSERT_EQ(list.events.size(), 2u) << shown(list);
    EXPECT_EQ(kind_of(list.events[0]), "connection/login_attack");
    EXPECT_EQ(list.events[1].source.ip, "192.0.2.11");
    EXPECT_EQ(text_of_html("<table><tr>\n<td><b>Source IP</b></td>\n<td>192.0.2.10</td></tr><tr><td>Time:</td><td>05:10</td></tr></table>"),
              "\nSource IP: 192.0.2.10\nTime: 05:10\n\n");
}

}  // namespace
}  // namespace bailiff::test
