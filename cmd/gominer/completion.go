package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gominer/hasher"
)

// shells are those that completions can be written for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(p *process) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write a shell's completion script: bash, zsh, fish or powershell",
		Long: `The script completes verbs and flags, and asks gominer for the values that
depend on this machine, such as the kernels.`,
		Example: `source <(gominer completion bash)
gominer completion zsh > "${fpath[1]}/_gominer"
gominer completion fish > ~/.config/fish/completions/gominer.fish
gominer completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("completion: which shell? One of %s", strings.Join(shells, ", "))
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			case "fish":
				return root.GenFishCompletion(p.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(p.stdout)
			}
			return usagef("completion: no script for %q%s; there is one for %s",
				args[0], didYouMean(args[0], shells), strings.Join(shells, ", "))
		},
	}
}

// complete makes the shell offer what values returns for a flag.
func complete(cmd *cobra.Command, flag string, values func() []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag does not exist: a slip of ours
	}
}

// kernelNames returns the kernels that this machine can run.
func kernelNames() (names []string) {
	for _, k := range hasher.Kernels() {
		names = append(names, k.Name)
	}
	return names
}
