// SPDX-License-Identifier: Apache-2.0
// A command's options, read by Boost.Program_options, with messages that say what was meant.
#pragma once

#include "controller/ctl/command.hpp"
#include <bailiff/result.hpp>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bailiff {

/// What a command accepts. `--help` is always there.
class Arguments {
  public:
    /// `usage` is the text above the list of options: the shape of the command line and what the command does.
    explicit Arguments(std::string usage);

    /// `--name VALUE`; the text explains it.
    Arguments& value(const char* name, const char* placeholder, const char* text);
    /// `--name`
    Arguments& flag(const char* name, const char* text);
    /// Words without an option, any number of them, under this name.
    Arguments& words(const char* name, const char* text);

    /// Reads the arguments. An exit code means that the command is over: help was printed, or a complaint.
    std::optional<ExitCode> read(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

    /// Whether a `value` or `words` was given.
    bool has(const std::string& name) const { return values_.count(name) > 0; }
    bool flagged(const std::string& name) const { return values_[name].as<bool>(); }
    std::string text(const std::string& name) const { return has(name) ? values_[name].as<std::string>() : ""; }
    std::vector<std::string> list(const std::string& name) const;

    /// Prints a complaint about the command line and where to read on.
    ExitCode complain(std::ostream& err, const std::string& text) const;

  private:
    std::string usage_;
    boost::program_options::options_description options_{"Options"}, hidden_;
    boost::program_options::positional_options_description words_;
    boost::program_options::variables_map values_;
};

}  // namespace bailiff
