// SPDX-License-Identifier: Apache-2.0
// Runs bailiff-clean on overlays of images that the workshop made.
#pragma once

#include "agent/scan/clean/sealed_file.hpp"
#include "tests/integration/scan/workshop.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/json.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <sstream>

namespace bailiff::test {

struct CleanRun {
    int exit = -1;
    std::string out, err;
    std::map<std::string, std::string> actions;  ///< "volume path" -> action
};

inline CleanRun clean_image(std::vector<std::string> arguments, const std::string& findings) {
    arguments.insert(arguments.begin(), {BAILIFF_BIN_DIR "/bailiff-clean", "--json"});
    agent::ProcessOptions options;
    options.input = findings;
    options.timeout = std::chrono::seconds(60);
    const auto result = agent::Process::run(arguments, options);
    if (!result) return {};
    CleanRun run{result->exit_code, result->out, result->err, {}};
    std::istringstream lines(result->out);
    for (std::string line; std::getline(lines, line);) {
        const Json json = Json::parse(line);
        if (json.contains("action"))
            run.actions[json["volume"].get<std::string>() + " " + json["path"].get<std::string>()] = json["action"].get<std::string>();
    }
    return run;
}

/// An overlay over a raw base, and the arguments that name both.
struct Overlay {
    std::string path;
    std::vector<std::string> arguments;
};
inline Overlay overlay_of(Workshop& shop, const std::string& base) {
    Overlay out{base + ".overlay", {"--format", "qcow2", "--backing", base, "--backing-format", "raw"}};
    if (!std::filesystem::exists(shop.path("staff.pem"))) {
        const auto key = agent::UnsealingKey::make();
        std::ofstream(shop.path("staff.pem")) << key.private_pem();
        std::ofstream(shop.path("staff.pub")) << key.public_half().public_pem();
    }
    Workshop::run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", out.path});
    out.arguments.push_back(out.path);
    std::filesystem::create_directory(shop.path("kept"));
    return out;
}
inline std::vector<std::string> keeping(const Workshop& shop, const Overlay& overlay) {
    std::vector<std::string> out{"--keep", shop.path("kept"), "--keep-key", shop.path("staff.pub")};
    out.insert(out.end(), overlay.arguments.begin(), overlay.arguments.end());
    return out;
}
/// The overlay as a raw file.
inline std::string flattened(Workshop& shop, const Overlay& overlay) {
    Workshop::run({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", overlay.path, shop.path("flat.raw")});
    return shop.path("flat.raw");
}

/// The content of a sealed file; "" when it does not open.
inline std::string unsealed(const Workshop& shop, const std::string& file) {
    agent::ProcessOptions options;
    options.output_cap_bytes = 16U << 20;
    const auto result = agent::Process::run({BAILIFF_BIN_DIR "/bailiff-clean", "unseal", "--key", shop.path("staff.pem"), file}, options);
    return result && result->ok() ? result->out : "";
}

/// The arguments of a dry run.
inline std::vector<std::string> dry(const Overlay& overlay) {
    std::vector<std::string> out{"--dry-run"};
    out.insert(out.end(), overlay.arguments.begin(), overlay.arguments.end());
    return out;
}

/// The lines of the `number`th run's record of changes.
inline std::vector<Json> changes(const Workshop& shop, int number) {
    std::vector<Json> out;
    std::ifstream in(shop.path("kept/changes-000") + std::to_string(number) + ".jsonl");
    for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
    return out;
}

}  // namespace bailiff::test
