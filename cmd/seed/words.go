package main

// voice is what people record in one language.
type voice struct {
	language                         string
	names, topics, titles, sentences []string
}

var stores = []string{"https://media.example.com/recordings", "https://cdn.example.org/audio", "s3://recordings-example", "gs://example-calls"}

var failures = []string{
	"the recording can not be fetched: 404 Not Found",
	"the recording can not be fetched: no answer within 30 s",
	"no speech found in the recording",
	"the file is no audio that is known: text/html",
	"the recording ends in the middle of a frame",
}

// voices are in the order in which they are heard.
var voices = []voice{
	{
		language: "en",
		names:    []string{"Amara Okafor", "Ben Whitfield", "Chloe Park", "Daniel Reyes", "Erin O'Connell", "Farid Haddad", "Grace Liu", "Hugo Lindqvist", "Priya Raman", "Tom Baker"},
		topics:   []string{"the new pricing", "onboarding", "battery life", "the harbour project", "accessibility", "hiring", "the autumn release", "customer support", "open data", "night trains"},
		titles:   []string{"Interview with {name}", "Team meeting: {topic}", "Podcast {n}: {topic}", "Voicemail from {name}", "Lecture {n}: {topic}", "Call with {name} about {topic}", "Board meeting {n}", "{name}: notes on {topic}"},
		sentences: []string{
			"Let us begin with {topic}.", "I think {name} has the best overview here.", "We looked at the figures again last week, and they are better than we thought.",
			"That is what people ask for most.", "Could you say a little more about {topic}?", "Yes, and it took us longer than planned.", "There are two open questions left.",
			"{name} will send a summary by Friday.", "I would not change that before spring.", "Sorry, you were muted for a moment.", "In the end it comes down to {topic}.",
		},
	},
	{
		language: "de",
		names:    []string{"Anneliese Böhm", "Jürgen Weiß", "Leyla Yılmaz", "Matthias Groß", "Sören Petersen"},
		topics:   []string{"die Umfrage", "das Budget", "den Umzug", "die Barrierefreiheit", "das neue Archiv", "die Schulung"},
		titles:   []string{"Gespräch mit {name}", "Besprechung über {topic}", "Folge {n}: {name} im Gespräch", "Sprachnachricht von {name}", "Vorlesung {n}"},
		sentences: []string{
			"Fangen wir mit dem ersten Punkt an.", "Wir haben lange über {topic} gesprochen.", "Das hat {name} gut zusammengefasst.", "Ich sehe das etwas anders.",
			"Bis Ende des Monats wissen wir mehr.", "Können wir {topic} auf nächste Woche verschieben?", "Die Zahlen sind übrigens besser als im Vorjahr.", "Gut, dann machen wir das so.",
		},
	},
	{
		language: "fr",
		names:    []string{"Zoé Lefèvre", "Mathis Garnier", "Aïcha Benali", "Étienne Roche"},
		topics:   []string{"le budget", "la bibliothèque", "le télétravail", "la rénovation", "l’enquête"},
		titles:   []string{"Entretien avec {name}", "Réunion n° {n} : {topic}", "Message de {name}", "Conférence {n} : {topic}"},
		sentences: []string{
			"Commençons par {topic}.", "{name} a raison sur ce point.", "Nous en avons déjà parlé la semaine dernière.", "Il reste deux questions.",
			"Est-ce que tout le monde m’entend ?", "Je vous envoie le compte rendu demain.", "C’est une très bonne nouvelle.",
		},
	},
	{
		language: "es",
		names:    []string{"Lucía Fernández", "Íñigo Muñoz", "María José Peña", "Andrés Cárdenas"},
		topics:   []string{"el presupuesto", "la encuesta", "el archivo", "la mudanza", "la formación"},
		titles:   []string{"Entrevista con {name}", "Reunión {n}: {topic}", "Mensaje de {name}", "Clase {n}: {topic}"},
		sentences: []string{
			"Empecemos por {topic}.", "Como decía {name}, falta poco.", "¿Alguien tiene preguntas?", "Lo vemos otra vez el lunes.", "Los números son mejores que el año pasado.", "De acuerdo, lo hacemos así.",
		},
	},
	{
		language: "pt-BR",
		names:    []string{"João Conceição", "Thaís Araújo", "Caetano Guimarães"},
		topics:   []string{"o orçamento", "a pesquisa", "o lançamento", "a acessibilidade"},
		titles:   []string{"Entrevista com {name}", "Reunião {n}: {topic}", "Recado de {name}", "Aula {n}: {topic}"},
		sentences: []string{
			"Vamos começar com {topic}.", "Foi o que {name} explicou ontem.", "Ainda temos duas perguntas em aberto.", "Isso pode ficar para a semana que vem.", "Os números estão melhores do que esperávamos.",
		},
	},
	{
		language: "ja",
		names:    []string{"佐藤美咲", "鈴木健太", "高橋さくら"},
		topics:   []string{"新しい料金", "次のリリース", "アンケート", "研修"},
		titles:   []string{"{name}さんへのインタビュー", "第{n}回会議:{topic}", "{name}さんからの伝言", "講義{n}「{topic}」"},
		sentences: []string{
			"まず{topic}から始めましょう。", "{name}さんの説明はとても分かりやすかったです。", "来週もう一度確認します。", "質問はありますか。", "数字は思ったより良いですね。",
		},
	},
}
