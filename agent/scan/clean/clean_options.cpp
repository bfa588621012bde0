// SPDX-License-Identifier: Apache-2.0
// See clean_options.hpp.
#include "agent/scan/clean/clean_options.hpp"

#include "agent/files/durable_file.hpp"

#include <boost/program_options.hpp>

#include <sys/stat.h>

#include <sstream>
#include <string_view>
#include <vector>

namespace bailiff::agent {
namespace {

namespace po = boost::program_options;
constexpr size_t largest_key_file = 65536;
using Texts = std::vector<std::string>;

constexpr const char* usage =
    "Usage: bailiff-scan --json … OVERLAY | bailiff-clean [options] --format FORMAT --keep FOLDER --keep-key PEM OVERLAY\n"
    "       bailiff-scan --json … OVERLAY | bailiff-clean --dry-run [options] --format FORMAT OVERLAY\n"
    "       bailiff-clean unseal --key PEM FILE > OUT\n"
    "Takes what a scan found out of an image's filesystems, without mounting them. Each content is kept in FOLDER\n"
    "first, as SHA256.sealed, encrypted for a key whose private half need not be here. Only ever run it on an overlay: when it fails, the overlay must be thrown away, and to\n"
    "throw it away is also the way to undo it. Then scan again.\n\n";
constexpr const char* endings =
    "\nExit status: 0 all done (with --dry-run: all could be done), 2 error, 3 some paths failed (or would).\n";

bool is_folder(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<CleanOptions> read_options(int argc, const char* const* argv) {
    CleanOptions out;
    CleanRequest& request = out.request;
    Texts images, backing, formats;
    std::string keep_key;
    po::options_description visible("Options");
    visible.add_options()
        ("format", po::value(&request.overlay.format), "raw or qcow2 (required)")
        ("backing", po::value(&backing), "the overlay's backing file; again for the next one")
        ("backing-format", po::value(&formats), "its format; once for each --backing")
        ("keep", po::value(&request.keep_folder), "folder for the contents that are taken out (required, but for a dry run)")
        ("keep-key", po::value(&keep_key), "file with the X25519 public key (PEM) that they are encrypted for (required likewise)")
        ("known-good", po::value(&request.known_good), "folder with a tree of known-good files, as an unpacked golden image; what was found is replaced by "
                                                       "the file of the same path there (ext2/3/4 only); again for the next tree")
        ("remove-suspicious", po::bool_switch(&request.remove_suspicious), "take away also what the scan only calls suspicious; otherwise it is listed")
        ("findings", po::value(&out.findings), "file with what bailiff-scan --json printed; default: standard input")
        ("dry-run", po::bool_switch(&request.dry_run), "say what would be done to each path, and write nothing anywhere")
        ("json", po::bool_switch(&out.json), "print JSON lines instead of a table")
        ("help", "print this")
        ("version", "print the version");
    po::options_description all = visible;
    all.add_options()("image", po::value(&images));
    po::positional_options_description positional;
    positional.add("image", -1);
    po::variables_map values;
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(
                  po::command_line_style::unix_style & ~po::command_line_style::allow_guessing).run(), values);
    po::notify(values);
    std::ostringstream text;
    if (values.count("help")) text << usage << visible << endings;
    if (values.count("version")) text << "bailiff-clean " BAILIFF_VERSION "\n";
    out.print = text.str();
    if (!out.print.empty()) return out;

    std::string mistakes;
    const auto mistake = [&](bool wrong, const std::string& what) {
        if (wrong) mistakes += (mistakes.empty() ? "" : "; ") + what;
    };
    mistake(images.size() != 1, "name exactly one image");
    mistake(request.overlay.format != "raw" && request.overlay.format != "qcow2", "say --format raw or --format qcow2, as the inventory has it");
    mistake(backing.size() != formats.size(), "each --backing needs its --backing-format");
    mistake(!request.dry_run && !is_folder(request.keep_folder), "--keep must name a folder that exists");
    mistake(!request.dry_run && keep_key.empty(), "name the key that contents are encrypted for with --keep-key; make a pair with `openssl genpkey -algorithm x25519 "
                                                  "-out PRIVATE.pem` and `openssl pkey -in PRIVATE.pem -pubout -out PUBLIC.pem`");
    for (const auto& tree : request.known_good) mistake(!is_folder(tree), "--known-good '" + tree + "' is no folder");
    if (!keep_key.empty()) {
        const auto pem = read_file(keep_key, largest_key_file);
        auto key = pem ? SealingKey::from_public_pem(*pem) : Result<SealingKey>(fail(pem.error()));
        mistake(!key, "--keep-key: " + (key ? "" : key.error().text));
        if (key) request.keep_key = std::move(*key);
    }
    if (!mistakes.empty()) return fail(Errc::invalid, mistakes + "; 'bailiff-clean --help' lists the options");
    request.overlay.image = images[0];
    for (size_t i = 0; i < backing.size(); ++i) request.overlay.backing.push_back({backing[i], formats[i]});
    return out;
}

Result<CleanOptions> read_unseal(int argc, const char* const* argv) {
    CleanOptions out;
    UnsealOptions unseal;
    Texts files;
    po::options_description visible("Options of unseal");
    visible.add_options()("key", po::value(&unseal.key), "file with the X25519 private key (PEM)")("help", "print this");
    po::options_description all = visible;
    all.add_options()("file", po::value(&files));
    po::positional_options_description positional;
    positional.add("file", -1);
    po::variables_map values;
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(
                  po::command_line_style::unix_style & ~po::command_line_style::allow_guessing).run(), values);
    po::notify(values);
    if (values.count("help")) {
        std::ostringstream text;
        text << "Usage: bailiff-clean unseal --key PEM FILE > OUT\nOpens a content that was kept; nothing comes out unless all of it is good.\n\n" << visible;
        out.print = text.str();
        return out;
    }
    if (files.size() != 1 || unseal.key.empty()) return fail(Errc::invalid, "say bailiff-clean unseal --key PEM FILE > OUT");
    unseal.file = files[0];
    out.unseal = std::move(unseal);
    return out;
}

}  // namespace

Result<CleanOptions> parse_clean_options(int argc, const char* const* argv) {
    try {
        if (argc > 1 && std::string_view(argv[1]) == "unseal") return read_unseal(argc - 1, argv + 1);
        return read_options(argc, argv);
    } catch (const po::error& error) {
        return fail(Errc::invalid, std::string(error.what()) + "; 'bailiff-clean --help' lists the options");
    }
}

}  // namespace bailiff::agent
