// SPDX-License-Identifier: Apache-2.0
// A command's options, read by Boost.Program_options, with messages that say what was meant.
#include "controller/ctl/arguments.hpp"

#include <bailiff/nearest.hpp>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>

namespace bailiff {

namespace po = boost::program_options;

Arguments::Arguments(std::string usage) : usage_(std::move(usage)) { flag("help,h", "print this and do nothing"); }

Arguments& Arguments::value(const char* name, const char* placeholder, const char* text) {
    options_.add_options()(name, po::value<std::string>()->value_name(placeholder), text);
    return *this;
}

Arguments& Arguments::flag(const char* name, const char* text) {
    options_.add_options()(name, po::bool_switch(), text);
    return *this;
}

Arguments& Arguments::words(const char* name, const char* text) {
    hidden_.add_options()(name, po::value<std::vector<std::string>>(), text);
    words_.add(name, -1);
    return *this;
}

std::optional<ExitCode> Arguments::read(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    po::options_description all;
    all.add(options_).add(hidden_);
    try {
        // Abbreviations are refused: a script must not change its meaning when an option is added.
        const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(arguments).options(all).positional(words_).style(style).run(), values_);
        po::notify(values_);
    } catch (const po::unknown_option& e) {
        std::vector<std::string> names;
        for (const auto& option : options_.options()) names.push_back("--" + option->long_name());
        const std::string given = e.get_option_name();
        return complain(err, "unknown option '" + given + "'" + did_you_mean(given, names));
    } catch (const po::too_many_positional_options_error&) {
        return complain(err, "there is a word that belongs to no option; options are written --name VALUE");
    } catch (const po::error& e) {
        return complain(err, e.what());
    }
    if (values_["help"].as<bool>()) {
        out << usage_ << "\n" << options_;
        return exit_ok;
    }
    return std::nullopt;
}

std::vector<std::string> Arguments::list(const std::string& name) const {
    return has(name) ? values_[name].as<std::vector<std::string>>() : std::vector<std::string>();
}

ExitCode Arguments::complain(std::ostream& err, const std::string& text) const {
    err << "bailiffctl: " << text << "\n" << usage_.substr(0, usage_.find('\n') + 1);
    return exit_usage;
}

}  // namespace bailiff
