package config

import "example.com/transcription-api/internal/config/dotenv"

// Environ returns a lookup over the process's environment, filled in by the .env file at path.
func Environ(path string) (func(string) (string, bool), error) {
	env, err := dotenv.Read(path)
	if err != nil {
		return nil, err
	}
	return env.Lookup, nil
}
