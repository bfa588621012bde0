// SPDX-License-Identifier: Apache-2.0
// NBD addresses.
#include "agent/scan/image/source.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

TEST(NbdUri, Parses) {
    const auto plain = parse_nbd_uri("nbd+unix:///?socket=/run/x.sock").value();
    EXPECT_EQ(plain.export_name, "");
    EXPECT_EQ(plain.socket_path, "/run/x.sock");
    const auto named = parse_nbd_uri("nbd+unix:///disk%20a?socket=/run/a%2Fb").value();
    EXPECT_EQ(named.export_name, "disk a");
    EXPECT_EQ(named.socket_path, "/run/a/b");
}

TEST(NbdUri, RefusesEverythingElse) {
    for (const char* uri : {"nbd://host/x", "nbd+unix:///x", "nbd+unix:///x?socket=", "nbd+unix:///x?socket=rel", "nbds+unix:///x?socket=/a",
                            "nbd+unix:///%zz?socket=/a", "nbd+unix:///%00?socket=/a", "nbd+unix:///x?socket=/a&tls=1", ""})
        EXPECT_FALSE(parse_nbd_uri(uri)) << uri;
}

TEST(Source, MissingFilesAndFoldersAreErrors) {
    EXPECT_EQ(open_source({"/nonexistent", "raw", {}, {}}).error().code, Errc::not_found);
    EXPECT_EQ(open_source({"/tmp", "raw", {}, {}}).error().code, Errc::invalid);
    EXPECT_EQ(open_source({"nbd://host/x", "", {}, {}}).error().code, Errc::invalid);
}

}  // namespace
}  // namespace bailiff::agent
